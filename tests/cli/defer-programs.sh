#!/usr/bin/env bash
# segctl defer with programs that know nothing of segreg: writers in Python and Java, SQLite, and the tools of a shell.
# Readers run below segctl hold. Each case first runs without defer, where the reader must fail.
. "$(dirname "$0")/lib.sh"

[ -e "$build/libsegreg-defer.so" ] || { skipped "libsegreg-defer.so is not built with a sanitizer"; exit 77; }
case $build in
*[[:blank:]:]*) skipped "LD_PRELOAD takes no path with a colon or a blank"; exit 77 ;;
esac
command -v python3 >/dev/null || { skipped "python3 is not installed"; exit 77; }
new_registry
cd "$base" || exit 1
mkfifo "$dir/go" "$dir/seen"

# A reader: it looks which files there are, waits, and reads them all.
cat >"$dir/reader" <<'END'
cd "$1" && ls | sort >"$2/list" && echo >"$2/seen" && read -r _ <"$2/go" && xargs cat <"$2/list"
END

# while_read DIRECTORY COMMAND...: the command runs after the reader has looked and before it reads. The reader's status
# is $read then.
while_read() {
	local where=$1 pid
	shift

	"$segctl" hold -- sh "$dir/reader" "$where" "$dir" >"$dir/text" 2>"$dir/read" &
	pid=$!
	children+=("$pid")
	read -r _ <"$dir/seen"
	"$@" >"$dir/out" 2>"$dir/err" || fail "$* ended with $?"
	"$segctl" sweep >>"$dir/out"
	echo >"$dir/go"
	wait "$pid"
	read=$?
	children=("${children[@]/$pid/}")
}

# got TEXT: the reader has read that, with blanks for newlines.
got() {
	[ "$read" -eq 0 ] && [ "$(tr '\n' ' ' <"$dir/text")" = "$1" ] ||
		fail "the reader got $(cat "$dir/text" "$dir/read")"
}

nothing_is_left() {
	expect 0 "$segctl" sweep
	expect 0 "$segctl" ls --noheadings
	is_silent
}

# writers NAME COMMAND...: COMMAND DIRECTORY FIRST LAST replaces segments.
writers() {
	local name=$1
	shift

	mkdir index
	"$@" index -1 0 || fail "$name ended with $?"
	while_read index "$@" index 0 3
	[ "$read" -ne 0 ] || fail "$name: the reader reads without defer"
	rm -r index
	mkdir index
	"$segctl" defer -- "$@" index -1 0 || fail "$name ended with $?"
	while_read index "$segctl" defer -- "$@" index 0 3
	got "rows of 0_0.cfs"
	# Names that a reader holds come again.
	while_read index "$segctl" defer -- "$@" index 3 18
	nothing_is_left
	[ "$(cd index && cat *)" = "rows of 18_8.cfs" ] || fail "$name left $(ls index)"
	rm -r index
	ok "$name: readers find each file of their list, the writer none that it deleted"
}

writers "a writer in Python" python3 "$root/tests/cli/defer-writer.py"
if command -v java >/dev/null && command -v javac >/dev/null; then
	javac -d "$dir/classes" "$root/tests/cli/DeferWriter.java" || fail "cannot compile the writer"
	writers "a writer in Java" java -Xshare:auto -XX:TieredStopAtLevel=1 -cp "$dir/classes" DeferWriter
else
	skipped "a writer in Java: no JDK is installed"
fi

# ---------------------------------------------------------------- deaths

# The writer dies amid its work, again and again. What it had deleted by then goes all the same, and nothing else.
mkdir index
python3 "$root/tests/cli/defer-writer.py" index -1 0
at=0
for round in 1 2 3 4 5 6; do
	"$segctl" defer -- python3 "$root/tests/cli/defer-writer.py" index "$at" 1000000 >"$dir/steps" 2>"$dir/err" &
	writer=$!
	children+=("$writer")
	eventually sh -c "[ \$(wc -l <'$dir/steps') -ge $round ]"
	end "$writer" KILL
	at=$(ls index | sed -n 's/^segments_//p' | sort -n | tail -1)
	"$segctl" sweep >/dev/null
	# The program's own recovery: what the last manifest does not name is deleted.
	kept=$(cat "index/segments_$at")
	"$segctl" defer -- sh -c "cd index && ls | grep -vx -e '$kept' -e 'segments_$at' | xargs -r rm" ||
		fail "the recovery fails"
	"$segctl" sweep >/dev/null
	[ "$(ls index | sort | tr '\n' ' ')" = "$kept segments_$at " ] || fail "left after a death: $(ls index)"
done
nothing_is_left
mkfifo "$dir/never"
"$segctl" hold -- sh -c "echo >'$dir/seen'; exec cat '$dir/never'" &
reader=$!
children+=("$reader")
read -r _ <"$dir/seen"
"$segctl" defer -- rm -r index
[ -e "index/$kept" ] || fail "the reader's file is gone"
end "$reader" KILL
expect 0 "$segctl" sweep
[ ! -e index ] || fail "left after the reader's death: $(ls index)"
nothing_is_left
ok "kill -9 of writers and readers leaks nothing"

# ---------------------------------------------------------------- SQLite

cat >"$dir/days.py" <<'END'
import glob, os, sqlite3, sys

def fill(name, mode, value):
    db = sqlite3.connect(name)
    db.execute(f"PRAGMA journal_mode={mode}")
    with db:
        db.execute("CREATE TABLE IF NOT EXISTS t (v)")
        db.execute("INSERT INTO t VALUES (?)", (value,))
    db.close()

for mode in ("delete", "wal", "truncate", "persist"):
    for day in range(4):
        name = f"{mode}-{day}.db"
        fill(name, mode, day)
        # Each transaction is there at once for a process that knows nothing of this library, and none is taken back.
        with os.popen(f"env -u LD_PRELOAD sqlite3 {name} 'select v from t; pragma integrity_check'") as out:
            assert out.read().split() == [str(day), "ok"], name
        for other in glob.glob(name + "-*"):
            assert mode in ("persist", "truncate"), other
        if day:
            for old in glob.glob(f"{mode}-{day - 1}.db*"):
                os.remove(old)
            assert glob.glob(f"{mode}-*.db") == [name]
# A database that is deleted and made again is a new one.
fill("delete-0.db", "delete", 77)
assert sqlite3.connect("delete-0.db").execute("SELECT v FROM t").fetchall() == [(77,)]
END
cat >"$dir/dies.py" <<'END'
import os, sqlite3, sys

db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA cache_size=2")
with db:
    db.execute("INSERT INTO t VALUES (1)")
db.execute("BEGIN")
db.executemany("INSERT INTO t VALUES (?)", (("x" * 500,) for _ in range(500)))
os.kill(os.getpid(), 9)
END
dies() {
	"$segctl" defer -- python3 "$dir/dies.py" "$1"
} 2>/dev/null
if command -v sqlite3 >/dev/null && python3 -c 'import sqlite3' 2>/dev/null; then
	mkdir days
	cd days || exit 1
	sqlite3 old.db "create table t (v); insert into t values ('old')"
	cat >"$dir/reader" <<-'END'
		cd "$1" && ls *.db >"$2/list" && echo >"$2/seen" && read -r _ <"$2/go" &&
			for f in $(cat "$2/list"); do
				sqlite3 "file:$f?mode=ro" 'select v from t; pragma integrity_check'
			done
	END
	cp old.db again.db
	while_read . rm again.db
	grep -q "unable to open" "$dir/read" || fail "the reader finds what is deleted without defer"
	while_read . "$segctl" defer -- sh -c "rm old.db && python3 '$dir/days.py'"
	got "old ok "
	nothing_is_left
	[ "$(echo *.db)" = "delete-0.db delete-3.db persist-3.db truncate-3.db wal-3.db" ] || fail "left: $(ls)"
	for mode in delete wal; do
		sqlite3 "$mode.db" "pragma journal_mode=$mode; create table t (v);" >/dev/null
		for i in 1 2 3; do
			dies "$mode.db"
		done
		expect 0 sqlite3 "$mode.db" 'select count(*), min(v), max(v) from t; pragma integrity_check'
		[ "$(tr '\n' ' ' <"$dir/out")" = "3|1|1 ok " ] || fail "after deaths, $mode: $(cat "$dir/out")"
	done
	cd ..
	rm -r days
	ok "SQLite: journals go at once, commits stay, also after deaths, and readers keep what is deleted"
else
	skipped "SQLite: sqlite3 or Python's module is not installed"
fi

# ---------------------------------------------------------------- a program that uses segreg itself

touch one two
if "$segctl" defer -- env PYTHONPATH="$root/lib/python" LD_LIBRARY_PATH="$build" python3 -c '
import os, segreg
os.remove("one")
with segreg.open(os.environ["SEGREG_REGISTRY"]) as registry:
    registry.discard("two")
    assert not os.path.exists("one") and not os.path.exists("two")
    registry.vacate("one")
    registry.vacate("two")
    assert registry.retired() == []
' 2>"$dir/err"; then
	[ ! -e one ] && [ ! -e two ] || fail "what the library itself deletes stays"
	nothing_is_left
	ok "the library is not deferred in a program that uses it"
else
	fail "the program ended with an error"
fi

# ---------------------------------------------------------------- the tools of a shell

cat >"$dir/reader" <<'END'
cd "$1" && find . -name 'seg-*' | sort >"$2/list" && echo >"$2/seen" && read -r _ <"$2/go" && xargs cat <"$2/list"
END
fill_tools() {
	rm -rf tools
	mkdir -p tools/2024/01 tools/2025
	for i in 2024/01/seg-1 2024/01/seg-2 2025/seg-3 seg-4; do
		echo "old $i" >"tools/$i"
	done
	echo other >tools/other
}
cat >"$dir/deletes" <<'END'
set -e
cd tools
rm -r 2024
find 2025 -delete
rm seg-4
test ! -e seg-4
test ! -e 2024
test "$(ls)" = other
END
cat >"$dir/makes" <<'END'
mkdir -p 2024/01
test -z "$(ls 2024/01)"
cp other 2024/01/seg-9
mv other seg-8
mv 2024 2026
test "$(find . -type f | sort | tr '\n' ' ')" = "./2026/01/seg-9 ./seg-8 "
cp seg-8 2026/01/seg-9
rm -r 2026 seg-8
test -z "$(ls)"
echo other >other
END
cat "$dir/deletes" "$dir/makes" >"$dir/both"
fill_tools
while_read tools sh "$dir/both"
[ "$read" -ne 0 ] || fail "the reader reads without defer"
fill_tools
while_read tools "$segctl" defer -- sh "$dir/both"
nothing_is_left
[ "$(find tools -type f)" = tools/other ] || fail "left: $(find tools)"
fill_tools
while_read tools "$segctl" defer -- sh "$dir/deletes"
got "old 2024/01/seg-1 old 2024/01/seg-2 old 2025/seg-3 old seg-4 "
nothing_is_left
[ "$(find tools -type f)" = tools/other ] && [ ! -e tools/2024 ] || fail "left: $(find tools)"
if command -v rsync >/dev/null; then
	fill_tools
	mkdir "$dir/new"
	echo new >"$dir/new/seg-5"
	while_read tools "$segctl" defer -- rsync -a --delete "$dir/new/" tools/
	[ "$read" -eq 0 ] || fail "rsync: the reader got $(cat "$dir/read")"
	nothing_is_left
	[ "$(find tools -mindepth 1)" = tools/seg-5 ] || fail "rsync left: $(find tools)"
	ok "rm, find, cp, mv, mkdir and rsync --delete"
else
	ok "rm, find, cp, mv and mkdir"
	skipped "rsync is not installed"
fi
