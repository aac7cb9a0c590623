# One bar for each peer. The table has one row.
set title "to hold one thing and let it go: nanoseconds (logarithmic)"
set logscale x
set xrange [0.3:20000]
set yrange [series + 0.6:0.4]
set grid noytics xtics
set border 1
set style fill solid
set lmargin 40
name(i) = system(sprintf("head -n 1 '%s' | cut -f %d", table, i + 1))
colour(i) = (substr(name(i), 1, 6) eq "segreg") ? "#c0392b" : "#9fb8cc"
figure(v) = v < 100 ? sprintf("%.3g", v) : sprintf("%.0f", v)
unset ytics
set ytics scale 0 ()
do for [i = 1:series] { set ytics add (name(i) i) }
plot for [i = 1:series] table skip 1 using (column(i + 1)):(i):(0.3):(column(i + 1)):(i - 0.35):(i + 0.35) \
		with boxxyerror lc rgb colour(i), \
     for [i = 1:series] table skip 1 using (column(i + 1) * 1.15):(i):(figure(column(i + 1))) with labels left
