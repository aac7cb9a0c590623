# What all plots have in common. draw sets format (svg or png), table (a .tsv: x, then one column for each series), series (the
# number of series) and picture. segreg is the first series of each curve: a strong colour and a thick line.

if (format eq "svg") {
	set terminal svg size 860,480 font "sans-serif,13" background "white"
} else {
	set terminal pngcairo size 1290,720 font "sans-serif,13" fontscale 1.3 background "white"
}
set output picture
set datafile separator "\t"
set datafile missing "?"
set border 3 lc rgb "#404040"
set tics nomirror
set grid ytics lc rgb "#dddddd"
set key top left reverse Left noautotitle
set title offset 0,0.3

colours = "#c0392b #2c6fa6 #7fb2d9 #5b8c3a #a6c48a #8e6bb0 #c9a227 #7f7f7f #444444"
do for [i = 1:words(colours)] {
	set style line i lc rgb word(colours, i) lw (i == 1 ? 3 : 1.5) pt 7 ps (i == 1 ? 0.8 : 0.5)
}
