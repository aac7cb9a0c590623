# Shared memory against the number of segments.
set title "shared memory: O(segments)"
set xlabel "segments"
set ylabel "bytes a segment"
set logscale x
set yrange [0:*]
plot for [i = 1:series] table using 1:(column(i + 1)) with linespoints ls i title columnheader(i + 1)
