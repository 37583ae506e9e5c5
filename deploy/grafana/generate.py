"""Makes the dashboards: `python deploy/grafana/generate.py` writes the JSON files beside this one. A test compares them with what it makes."""
import json
from pathlib import Path

FOLDER = Path(__file__).parent
JOB = 'job="baton", namespace=~"$namespace", instance=~"$instance"'
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def query(name, label, of, multi=True):
    """A variable that lists values of a label."""
    return {"name": name, "label": label, "type": "query", "datasource": SOURCE, "refresh": 2, "sort": 1, "multi": multi, "includeAll": multi,
            "allValue": ".*" if multi else None, "current": {"text": "All", "value": "$__all"} if multi else {},
            "definition": f"label_values({of}, {name})", "query": {"query": f"label_values({of}, {name})", "refId": "variable"}}


def variables(*more):
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}}
    return [source, query("namespace", "Namespace", 'baton_build_info{job="baton"}'),
            query("instance", "Instance", 'baton_build_info{job="baton", namespace=~"$namespace"}'), *more]


def selector(*more):
    return "{" + ", ".join([JOB, *more]) + "}"


def rate(metric, by, *labels):
    return f"sum by ({by}) (rate({metric}{selector(*labels)}[$__rate_interval]))"


def total(metric, *labels):
    return f"sum(rate({metric}{selector(*labels)}[$__rate_interval]))"


def quantile(level, metric, by="", *labels):
    by = f"le, {by}" if by else "le"
    return f"histogram_quantile({level}, {rate(metric + '_bucket', by, *labels)})"


def quantiles(metric, *labels):
    return [(quantile(level, metric, "", *labels), name) for level, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))]


def gauge(function, metric, by=None, *labels):
    return f"{function} by ({by}) ({metric}{selector(*labels)})" if by else f"{function}({metric}{selector(*labels)})"


class Panel:
    def __init__(self, title, targets, unit="short", kind="timeseries", description="", width=8, stacked=False, height=8):
        self.title, self.unit, self.kind, self.description = title, unit, kind, description
        self.targets = [targets] if isinstance(targets, tuple) else targets
        self.width, self.height, self.stacked = width, height, stacked

    def json(self, number, x, y):
        targets = [{"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": expression, "legendFormat": legend, "exemplar": self.kind == "timeseries",
                    **({"format": "heatmap"} if self.kind == "heatmap" else {}), **({"instant": True, "range": False, "format": "table"} if self.kind == "table" else {})}
                   for place, (expression, legend) in enumerate(self.targets)]
        panel = {"id": number, "title": self.title, "type": self.kind, "datasource": SOURCE, "description": self.description, "targets": targets,
                 "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
                 "fieldConfig": {"defaults": {"unit": self.unit, "min": 0 if self.kind in ("timeseries", "stat") else None}, "overrides": []}, "options": {}}
        if self.kind == "timeseries":
            custom = {"lineWidth": 1, "fillOpacity": 20 if self.stacked else 5, "showPoints": "never", "spanNulls": False}
            panel["fieldConfig"]["defaults"]["custom"] = {**custom, **({"stacking": {"mode": "normal"}} if self.stacked else {})}
            panel["options"] = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
        if self.kind == "stat":
            panel["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area", "colorMode": "value"}
        if self.kind == "heatmap":
            panel["options"] = {"calculate": False, "yAxis": {"unit": self.unit}, "color": {"scheme": "Turbo", "mode": "scheme"}}
        return panel


class Row:
    def __init__(self, title, *panels):
        self.title, self.panels = title, panels


def dashboard(uid, title, description, rows, more_variables=()):
    panels, y = [], 0
    for row in rows:
        panels.append({"id": len(panels) + 1, "type": "row", "title": row.title, "collapsed": False, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []})
        x, y, height = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > 24:
                x, y, height = 0, y + height, 0
            panels.append(panel.json(len(panels) + 1, x, y))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    links = [{"title": "baton", "type": "dashboards", "tags": ["baton"], "asDropdown": True, "includeVars": True, "keepTime": True, "targetBlank": False}]
    return {"uid": uid, "title": title, "description": description, "tags": ["baton"], "schemaVersion": 39, "version": 1, "editable": True,
            "timezone": "browser", "refresh": "30s", "time": {"from": "now-3h", "to": "now"}, "links": links,
            "templating": {"list": variables(*more_variables)}, "annotations": {"list": []}, "panels": panels}


def stat(title, expression, unit="short", description=""):
    return Panel(title, (expression, ""), unit, "stat", description, width=4, height=4)


def overview():
    failed = total("baton_executions_total", 'status=~"FAILED|TIMED_OUT"')
    return dashboard("baton-overview", "baton / Overview", "Rate, errors and durations of executions and of the API.", [
        Row("Now",
            stat("Started", total("baton_executions_started_total"), "ops"),
            stat("Failure ratio", f'{failed} / {total("baton_executions_total")}', "percentunit"),
            stat("State transitions", total("baton_transitions_total"), "ops"),
            stat("Tasks that wait", gauge("sum", "baton_task_backlog")),
            stat("Set aside", gauge("sum", "baton_executions_stalled"), description="Executions that stand still until somebody looks after them."),
            stat("Coordinators", f'count(baton_build_info{selector()})')),
        Row("Executions by state machine",
            Panel("Started", (rate("baton_executions_started_total", "state_machine"), "{{state_machine}}"), "ops"),
            Panel("Ended", (rate("baton_executions_total", "status"), "{{status}}"), "ops", stacked=True),
            Panel("Failed or timed out", (rate("baton_executions_total", "state_machine", 'status=~"FAILED|TIMED_OUT"'), "{{state_machine}}"), "ops"),
            Panel("Duration, p99", (quantile(0.99, "baton_execution_duration_seconds", "state_machine"), "{{state_machine}}"), "s"),
            Panel("Errors", (rate("baton_execution_errors_total", "error_class"), "{{error_class}}"), "ops", stacked=True),
            Panel("Redrives", (rate("baton_executions_redriven_total", "state_machine"), "{{state_machine}}"), "ops")),
        Row("API",
            Panel("Requests", (rate("baton_http_request_duration_seconds_count", "op"), "{{op}}"), "ops"),
            Panel("Errors", (rate("baton_http_errors_total", "op, error"), "{{op}} {{error}}"), "ops"),
            Panel("Duration, p99", (quantile(0.99, "baton_http_request_duration_seconds", "op", 'op!~"GetActivityTask|StartSyncExecution"'), "{{op}}"), "s",
                  description="Without the two that wait by design."),
            Panel("Refused for want of room", (rate("baton_throttle_total", "bucket"), "{{bucket}}"), "ops"),
            Panel("Express executions", [(gauge("sum", "baton_express_open"), "running")]),
            Panel("What Express executions hold", [(gauge("sum", "baton_express_bytes"), "memory")], "bytes")),
    ])


def engine():
    return dashboard("baton-engine", "baton / Engine", "How much the engine is used, how full it is, and what it waits for.", [
        Row("Work",
            Panel("State transitions", (rate("baton_transitions_total", "instance"), "{{instance}}"), "ops", stacked=True),
            Panel("Deciding a transition", quantiles("baton_transition_duration_seconds"), "s"),
            Panel("Inputs that wait", (gauge("sum", "baton_inbox_length", "instance"), "{{instance}}")),
            Panel("Executions open, and those of them in memory", [(gauge("sum", "baton_executions_open"), "open"), (gauge("sum", "baton_executions_in_memory"), "in memory")]),
            Panel("CPU", (rate("process_cpu_seconds_total", "instance"), "{{instance}}"), "short"),
            Panel("Memory", (gauge("sum", "process_resident_memory_bytes", "instance"), "{{instance}}"), "bytes")),
        Row("Timers",
            Panel("Due within two minutes", (gauge("sum", "baton_timers_pending", "instance"), "{{instance}}")),
            Panel("How late they fire", quantiles("baton_timer_lag_seconds"), "s"),
            Panel("Overdue", (gauge("max", "baton_timer_overdue_seconds", "instance"), "{{instance}}"), "s")),
        Row("Log",
            Panel("Until a batch is durable", quantiles("baton_history_append_seconds"), "s"),
            Panel("Bytes without a checkpoint", (gauge("sum", "baton_store_unsaved_bytes", "instance"), "{{instance}}"), "bytes"),
            Panel("What stands still", [(gauge("sum", "baton_executions_stalled"), "executions set aside"), (gauge("sum", "baton_shards_lost"), "shards lost"),
                                        (gauge("sum", "baton_shards_checkpoints_stopped"), "shards without checkpoints")])),
        Row("Shards of the cluster",
            Panel("Leases", (gauge("sum", "baton_lease_owned", "instance"), "{{instance}}"), stacked=True),
            Panel("Leases taken and lost", [(rate("baton_lease_taken_total", "reason"), "taken: {{reason}}"), (rate("baton_lease_lost_total", "reason"), "lost: {{reason}}")], "ops"),
            Panel("Coordinators seen", (gauge("min", "baton_members", "instance"), "{{instance}}")),
            Panel("Take-overs and hand-overs", [(quantile(0.99, "baton_take_over_seconds"), "take-over, p99"), (quantile(0.99, "baton_hand_over_seconds"), "hand-over, p99")], "s"),
            Panel("Forwarded requests", [(rate("baton_peer_requests_total", "kind, outcome"), "{{kind}}: {{outcome}}"), (total("baton_peer_retries_total"), "retries")], "ops"),
            Panel("What forwarding takes, p99", (quantile(0.99, "baton_peer_request_duration_seconds", "kind"), "{{kind}}"), "s")),
    ])


def tasks():
    activity, resource = query("activity", "Activity", "baton_activity_tasks_total"), query("resource", "Function or integration", "baton_integration_tasks_total")
    of_activity, of_resource = 'activity=~"$activity"', 'resource=~"$resource"'
    return dashboard("baton-tasks", "baton / Activities and workers", "What waits for workers, how long, and what becomes of it.", [
        Row("Queues",
            Panel("Tasks that wait", (gauge("sum", "baton_task_backlog", "queue"), "{{queue}}"), stacked=True),
            Panel("Age of the oldest", (gauge("max", "baton_task_oldest_age_seconds", "queue"), "{{queue}}"), "s"),
            Panel("Workers and pollers", (gauge("sum", "baton_pollers", "queue"), "{{queue}}")),
            Panel("Free slots", (gauge("sum", "baton_queue_free_slots", "queue"), "{{queue}}")),
            Panel("Offers nobody has claimed", (gauge("sum", "baton_offers_unclaimed", "queue"), "{{queue}}"), stacked=True),
            Panel("Age of the oldest offer", (gauge("max", "baton_offers_oldest_age_seconds", "queue"), "{{queue}}"), "s")),
        Row("Activities",
            Panel("Outcomes", (rate("baton_activity_tasks_total", "outcome", of_activity), "{{outcome}}"), "ops"),
            Panel("Waiting for a worker", quantiles("baton_activity_schedule_seconds", of_activity), "s"),
            Panel("Running", quantiles("baton_activity_run_seconds", of_activity), "s")),
        Row("Functions and integrations",
            Panel("Outcomes", (rate("baton_integration_tasks_total", "outcome", of_resource), "{{outcome}}"), "ops"),
            Panel("Waiting for their start", quantiles("baton_integration_schedule_seconds", of_resource), "s"),
            Panel("Running", quantiles("baton_integration_run_seconds", of_resource), "s"),
            Panel("Failures by resource",
                  (rate("baton_integration_tasks_total", "resource", of_resource, 'outcome=~"failed|timed_out|heartbeat_timed_out|refused"'), "{{resource}}"), "ops", width=12),
            Panel("Run time by resource, p99", (quantile(0.99, "baton_integration_run_seconds", "resource", of_resource), "{{resource}}"), "s", width=12)),
    ], [activity, resource])


def machine():
    variable = query("state_machine", "State machine", 'baton_executions_started_total{job="baton", namespace=~"$namespace"}', multi=False)
    of = 'state_machine="$state_machine"'
    failed = total("baton_executions_total", of, 'status=~"FAILED|TIMED_OUT"')
    return dashboard("baton-state-machine", "baton / One state machine", "Everything about the executions of one state machine.", [
        Row("Now",
            stat("Started", total("baton_executions_started_total", of), "ops"),
            stat("Failure ratio", f'{failed} / {total("baton_executions_total", of)}', "percentunit"),
            stat("Duration, p50", quantile(0.5, "baton_execution_duration_seconds", "", of), "s"),
            stat("Duration, p99", quantile(0.99, "baton_execution_duration_seconds", "", of), "s"),
            stat("State transitions", total("baton_transitions_total", of), "ops"),
            stat("Started and not ended here", f'sum(baton_executions_started_total{selector(of)}) - sum(baton_executions_total{selector(of)})',
                 description="Since the coordinators were started; what they took over from others is in the other's number.")),
        Row("Executions",
            Panel("Ended", (rate("baton_executions_total", "status", of), "{{status}}"), "ops", stacked=True),
            Panel("Failures by error", (rate("baton_execution_errors_total", "error_class", of), "{{error_class}}"), "ops", stacked=True),
            Panel("Transitions per execution", (f'{total("baton_transitions_total", of)} / {total("baton_executions_started_total", of)}', "transitions")),
            Panel("Durations", (rate("baton_execution_duration_seconds_bucket", "le", of), "{{le}}"), "s", "heatmap", width=16, height=10),
            Panel("Redrives, and how they ended", [(rate("baton_executions_redriven_total", "state_machine", of), "redriven"),
                                                   (rate("baton_redriven_executions_total", "status", of), "{{status}}")], "ops", height=10)),
    ], [variable])


def store():
    return dashboard("baton-store", "baton / Broker and store", "What baton sees of its store and its broker.", [
        Row("Store",
            Panel("Holds", (gauge("max", "baton_store_bytes", "instance"), "{{instance}}"), "bytes"),
            Panel("May still grow by", (gauge("min", "baton_store_free_bytes", "instance"), "{{instance}}"), "bytes"),
            Panel("Takes new executions", (gauge("min", "baton_store_accepts_work", "instance"), "{{instance}}")),
            Panel("Until a batch is durable", quantiles("baton_history_append_seconds"), "s"),
            Panel("Signs of life", quantiles("baton_member_beat_seconds"), "s"),
            Panel("Calls that failed, and unsafe settings", [(rate("baton_store_errors_total", "operation"), "{{operation}}"), (gauge("max", "baton_store_setting_unsafe", "setting"), "{{setting}}")])),
        Row("Broker",
            Panel("Link", [(gauge("min", "baton_broker_connected", "instance"), "{{instance}}"), (gauge("max", "baton_dispatch_stalled"), "stalled")]),
            Panel("New links", (rate("baton_broker_reconnects_total", "instance"), "{{instance}}"), "ops"),
            Panel("Until a message is confirmed", quantiles("baton_broker_publish_seconds"), "s"),
            Panel("Offers", [(total("baton_offers_published_total"), "published"), (total("baton_offers_direct_total"), "direct"),
                             (rate("baton_offers_refused_total", "reason"), "refused: {{reason}}")], "ops"),
            Panel("Offered again", (rate("baton_offers_repeated_total", "reason"), "{{reason}}"), "ops"),
            Panel("Claims", (rate("baton_offers_answered_total", "outcome"), "{{outcome}}"), "ops")),
        Row("What leaves unasked",
            Panel("Execution log events", [(rate("baton_execution_log_events_total", "destination"), "{{destination}}"),
                                           (rate("baton_execution_log_events_dropped_total", "destination, reason"), "dropped: {{destination}} {{reason}}")], "ops", width=12),
            Panel("Status-change events", [(rate("baton_status_events_total", "destination"), "{{destination}}"),
                                           (rate("baton_status_events_dropped_total", "destination, reason"), "dropped: {{destination}} {{reason}}")], "ops", width=12)),
    ])


def dashboards():
    """By file name."""
    made = {"overview": overview(), "engine": engine(), "tasks": tasks(), "state-machine": machine(), "store": store()}
    return {f"{name}.json": json.dumps(content, indent=1) + "\n" for name, content in made.items()}


if __name__ == "__main__":
    for name, text in dashboards().items():
        (FOLDER / name).write_text(text)
