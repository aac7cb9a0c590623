# A curve that has no script of its own.
set title table noenhanced
set logscale xy
plot for [i = 1:series] table using 1:(column(i + 1)) with linespoints ls i title columnheader(i + 1)
