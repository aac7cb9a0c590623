#!/usr/bin/env bash
# The examples work: the sidecar of sidecar.yaml in two namespaces, and the unit as systemd reads it.
# The namespaces have the mounts of sidecar.yaml, and nothing else in common.
. "$(dirname "$0")/lib.sh"

examples=$root/tests/examples

# mounts CONTAINER: "VOLUME PATH" for each of its mounts. The container "apart" is the engine without the shared memory.
mounts() {
	if [ "$1" = apart ]; then
		mounts engine | grep -v ' /dev/shm$'
		return
	fi
	awk -v wanted="$1" '
		/^    - name: / { container = $3 }
		/^  volumes:/ { container = "" }
		container == wanted && /mountPath:/ { gsub(/[{},]/, ""); print $3, $5 }' "$examples/sidecar.yaml"
}

# container NAME COMMAND...: as a pod would run it. What is not mounted is its own.
container() {
	local name=$1 volume path script='mount -t tmpfs tmpfs /dev/shm && mount -t tmpfs tmpfs /var/lib && '
	shift
	while read -r volume path; do
		mkdir -p "$dir/volumes/$volume"
		script+="mkdir -p '$path' && mount --bind '$dir/volumes/$volume' '$path' && "
	done < <(mounts "$name")
	# Ends with its parent, so that a kill of the container kills what is in it.
	exec unshare "${as_root[@]}" --mount --ipc --pid --fork --kill-child --mount-proc \
		sh -c "$script"'exec "$@"' sh "$@"
}

# In a process of its own, to its end.
container_runs() {
	(container "$@")
}

may_unshare() {
	unshare "$@" --mount --ipc --pid --fork --mount-proc \
		sh -c 'mount -t tmpfs tmpfs /dev/shm && mount -t tmpfs tmpfs /var/lib'
} 2>/dev/null

as_root=()
[ "$(id -u)" = 0 ] || as_root=(--map-root-user)
registry=$(sed -n 's/.*command: \["segregd", "\(.*\)"\]/\1/p' "$examples/sidecar.yaml")
[ -n "$registry" ] || fail "the sidecar serves no registry"

for line in 'ENTRYPOINT ["/usr/sbin/segregd"]' "CMD [\"$registry\"]"; do
	grep -qF -- "$line" "$examples/Dockerfile" || fail "the Dockerfile has not: $line"
done
image=$(sed -n 's/.* image: \(.*segreg.*\)/\1/p' "$examples/sidecar.yaml")
grep -qF -- "-t $image " "$examples/Dockerfile" || fail "the Dockerfile makes another image than $image"
[ "$("$segregd" --version)" = "segregd ${image#*:}" ] || fail "$image is not the version of segregd"
ok "the Dockerfile makes the image of sidecar.yaml"

sidecar() {
	local inside=${registry%/registry} outside=$dir/volumes/engine engine sweeper

	expect 0 container_runs engine "$segctl" init --base "$inside" "$registry"
	mkdir "$outside/one" || fail "the engine's volume is not where the registry is"
	: >"$outside/one/data"
	expect 0 container_runs engine "$segctl" -r "$registry" register 1 one

	: >"$dir/log"
	container sweeper "$segregd" "$registry" 2>"$dir/log" &
	sweeper=$!
	children+=("$sweeper")
	eventually logged serving

	container engine "$segctl" -r "$registry" pin 1 -- sh -c ': >"$0" && exec sleep infinity' "$inside/pinned" &
	engine=$!
	children+=("$engine")
	eventually test -e "$outside/pinned"
	expect 0 container_runs engine "$segctl" -r "$registry" retire 1
	eventually logged "held 1 one: 1 pin"
	[ -e "$outside/one/data" ] || fail "a segment that the other container pins is deleted"
	expect 0 container_runs sweeper "$segctl" -r "$registry" why 1
	says "in another PID namespace"
	end "$engine" KILL
	eventually logged "deleted 1 one: "
	[ ! -e "$outside/one" ] || fail "a retired segment is still there"
	ok "the sidecar deletes what the engine retires, when the container that pins it is killed"

	expect 69 container_runs apart "$segctl" -r "$registry" ls
	complains "share /dev/shm"
	ok "the error names the /dev/shm of a container"

	read -r inside <"/proc/$sweeper/task/$sweeper/children"
	[ "$(grep -cE '^Name:.*segregd$|^NSpid:.*\s1$' "/proc/$inside/status")" = 2 ] ||
		fail "the sidecar's segregd is not process 1"
	kill -s TERM "$inside"
	eventually has_ended "$sweeper"
	wait "$sweeper" || fail "segregd as process 1 ended with $?"
	ok "segregd as process 1 ends at SIGTERM"
}

if may_unshare ${as_root[@]+"${as_root[@]}"}; then
	sidecar
else
	skipped "the sidecar: no namespaces may be made here"
fi

if command -v systemd-analyze >/dev/null; then
	mkdir "$dir/units"
	sed 's,/usr/bin/worker ,/bin/true ,' "$examples/worker@.service" >"$dir/units/worker@.service"
	sed 's,^ExecStart=[^ ]*,ExecStart=/bin/true,' "$root/daemon/segregd/segregd.service" \
		>"$dir/units/segregd.service"
	expect 0 env SYSTEMD_UNIT_PATH="$dir/units:" systemd-analyze \
		--man=no --recursive-errors=no verify "$dir/units/worker@1.service"
	[ ! -s "$dir/err" ] || fail "systemd finds fault with the worker's unit"
	ok "systemd accepts the worker's unit"
else
	skipped "the worker's unit: there is no systemd-analyze"
fi
