# The slowest pins; x is the number of nines.
set title "the slowest pins, beside a process that deletes files of 64 MiB and commits edits"
set xlabel "part of the uses that take no longer"
set ylabel "nanoseconds, clock included"
set logscale y
set yrange [10:*]
set xtics ("90%%" 1, "99%%" 2, "99.9%%" 3, "99.99%%" 4, "99.999%%" 5)
plot for [i = 1:series] table using 1:(column(i + 1)) with linespoints ls i title columnheader(i + 1)
