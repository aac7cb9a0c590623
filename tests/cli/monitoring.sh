#!/usr/bin/env bash
# Monitoring as it is shipped: alerts fire when they should; dashboard, alerts and manual name metrics that exist.
. "$(dirname "$0")/lib.sh"

monitoring=$root/daemon/monitoring
new_registry
segment 1
segment 2
mkdir "$dir/prom"
serve --metrics "$dir/prom" --heartbeat 0.5
eventually test -s "$dir/prom/segreg-$(echo "${SEGREG_REGISTRY#/}" | sed 's|-|%2D|g; s|/|-|g').prom"
file=$(echo "$dir/prom/segreg-"*.prom)

# Names of metrics: of the manual, of a file, and of what people copy.
sed -n '/^\.Sh METRICS/,/^\.Sh ENV/p' "$root/daemon/segregd/segregd.8" | grep -oE 'segreg_[a-z_]+' |
	sort -u >"$dir/manual"
sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' "$file" | sort -u >"$dir/written"
[ "$(wc -l <"$dir/written")" -gt 25 ] || fail "few metrics"
comm -13 "$dir/manual" "$dir/written" >"$dir/out"
is_silent
ok "the manual has each metric"
grep -ohE 'segreg_[a-z_]+' "$monitoring"/* | sed -E 's/_(bucket|sum|count)$//' | sort -u |
	comm -13 "$dir/manual" - >"$dir/out"
is_silent
ok "the alerts and the dashboard use only metrics that the manual has"

command -v promtool >/dev/null && command -v python3 >/dev/null || {
	skipped "promtool: it is not installed (prometheus), or python3 is not"
	exit 0
}
cp "$monitoring/segreg.rules.yml" "$root/tests/monitoring/segreg.test.yml" "$dir"
expect 0 promtool check rules "$dir/segreg.rules.yml"
expect 0 promtool test rules "$dir/segreg.test.yml"
ok "each alert fires when it should, and none on an idle registry"

python3 - "$monitoring/segreg-dashboard.json" >"$dir/dashboard.yml" <<'PYTHON' || fail "the dashboard is damaged"
import json, sys
board = json.load(open(sys.argv[1]))
panels = board["panels"]
assert len({panel["id"] for panel in panels}) == len(panels)
cells = set()
for panel in panels:
    at = panel["gridPos"]
    mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
    assert not mine & cells and at["x"] + at["w"] <= 24, panel["title"]
    cells |= mine
print("groups:\n- name: dashboard\n  rules:")
for n, target in enumerate(target for panel in panels for target in panel["targets"]):
    expr = target["expr"].replace("$__rate_interval", "5m").replace("$registry", ".*").replace("$instance", ".*")
    print("  - record: query:%d\n    expr: %s" % (n, json.dumps(expr)))
PYTHON
expect 0 promtool check rules "$dir/dashboard.yml"
ok "each query of the dashboard is one"

# ------------------------------------------------------------------ a real Prometheus

command -v prometheus >/dev/null && command -v prometheus-node-exporter >/dev/null || {
	skipped "a real Prometheus: prometheus or prometheus-node-exporter is not installed"
	exit 0
}
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
port=$(free_port)
exporter=$(free_port)
sed -E 's/^( *for:) .*/\1 0s/; s/> 3600/> 0/' "$monitoring/segreg.rules.yml" >"$dir/fast.yml"
cat >"$dir/prometheus.yml" <<CONFIG
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [fast.yml, dashboard.yml]
scrape_configs:
  - job_name: node
    static_configs: [{targets: ["127.0.0.1:$exporter"]}]
CONFIG
as_other=()
chmod 755 "$dir" "$dir/prom"
[ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null || as_other=(setpriv --reuid 65534 --regid 65534 --clear-groups)
${as_other[@]+"${as_other[@]}"} prometheus-node-exporter --collector.disable-defaults --collector.textfile \
	--collector.textfile.directory="$dir/prom" --web.listen-address="127.0.0.1:$exporter" 2>"$dir/exporter.log" &
children+=($!)
prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/tsdb" --log.level=error \
	--web.listen-address="127.0.0.1:$port" 2>"$dir/prometheus.log" &
children+=($!)

# asks QUERY: its answer has a sample.
asks() {
	python3 - "$port" "$1" <<'PYTHON'
import json, sys, urllib.parse, urllib.request
url = "http://127.0.0.1:%s/api/v1/query?" % sys.argv[1] + urllib.parse.urlencode({"query": sys.argv[2]})
sys.exit(not json.load(urllib.request.urlopen(url, timeout=30))["data"]["result"])
PYTHON
}
fires() {
	asks "ALERTS{alertname=\"$1\",alertstate=\"firing\",registry=\"$SEGREG_REGISTRY\"}"
}
fires_not() {
	asks "vector(1) unless on() ALERTS{alertname=\"$1\",alertstate=\"firing\"}"
}
eventually asks "segreg_segments{registry=\"$SEGREG_REGISTRY\",state=\"live\"} == 2"
eventually asks 'count({__name__=~"query:.*"}) > 10'
fires_not SegregHeldLong || fail "an alert on an idle registry"
fires_not SegregdDead || fail "an idle segregd is dead"
hold reader 1
expect 0 "$segctl" retire 1
eventually fires SegregHeldLong
end "$holder" KILL
eventually fires_not SegregHeldLong
end "$daemon" KILL
eventually fires SegregdDead
ok "a real Prometheus reads the metrics through node_exporter, as another user, and its alerts fire and end"
