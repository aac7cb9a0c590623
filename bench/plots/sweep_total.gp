# A sweep's decision against the number of segments that are not pending.
set title "a sweep's decision: O(1) in the live segments"
set xlabel "live segments"
set ylabel "milliseconds"
set logscale x
set yrange [0:*]
plot for [i = 1:series] table using 1:(column(i + 1)) with linespoints ls i title columnheader(i + 1)
