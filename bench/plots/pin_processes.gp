# Pins of one segment against the number of processes: each process writes only its own lane.
set title "pin and unpin of one segment by many processes at once: O(1), they share no cache line"
set xlabel "processes"
set ylabel "nanoseconds of CPU a use, each"
set logscale x 2
set yrange [0:*]
plot for [i = 1:series] table using 1:(column(i + 1)) with linespoints ls i title columnheader(i + 1)
