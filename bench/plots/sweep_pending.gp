# A sweep's decision against the number of retired segments.
set title "a sweep's decision: O(pending)"
set xlabel "pending segments"
set ylabel "milliseconds"
set logscale xy
plot for [i = 1:series] table using 1:(column(i + 1)) with linespoints ls i title columnheader(i + 1)
