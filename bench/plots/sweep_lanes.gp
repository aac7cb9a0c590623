# A sweep's decision against the number of handles.
set title "a sweep's decision: O(lanes that hold anything)"
set xlabel "lanes"
set ylabel "milliseconds"
set logscale x
set yrange [0:*]
plot for [i = 1:series] table using 1:(column(i + 1)) with linespoints ls i title columnheader(i + 1)
