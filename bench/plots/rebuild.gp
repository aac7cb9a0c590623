# Building the shared memory anew against the number of segments.
set title "rebuild after a reboot: O(segments), beside a bare scan of the same file"
set xlabel "segments"
set ylabel "milliseconds"
set logscale xy
plot for [i = 1:series] table using 1:(column(i + 1)) with linespoints ls i title columnheader(i + 1)
