# Pins against the number of segments: constant work, and the price of cold memory.
set title "pin and unpin of random ids: constant work, dearer as the tables outgrow the caches"
set xlabel "segments"
set ylabel "nanoseconds a use"
set logscale xy
set xrange [900:1.1e6]
set yrange [1:*]
set format x "10^{%L}"
set key bottom right
plot for [i = 1:series] table using 1:(column(i + 1)) with linespoints ls i title columnheader(i + 1)
