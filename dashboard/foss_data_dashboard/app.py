# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The pages, as a WSGI application. Each asks the services anew; none changes anything."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from foss_data_dashboard import dagster, services
from foss_data_dashboard.client import NoAnswer
from foss_data_dashboard.settings import Settings

STYLESHEET = "css/pico.classless.min.css"  # within the folder of assets
OWN_STYLE = "\n[role=region] { overflow-x: auto }\ntime, td code { white-space: nowrap }\n"
NOTHING_ELSE = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": NOTHING_ELSE,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
Answer = tuple[int, str, str]  # status, content type, content


class Dashboard:
    """The application; one answer to one request, whatever the services do."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.pages = Environment(loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        self.pages.filters["utc"] = lambda seconds, form: datetime.fromtimestamp(seconds, UTC).strftime(form)
        self.routes = {"/": self.overview, "/health": self.health, "/metrics": self.metrics, "/style.css": self.style}

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """WSGI."""
        route, method = self.routes.get(environ["PATH_INFO"]), environ["REQUEST_METHOD"]
        try:
            if not route:
                status, kind, text = self.message(404, "There is no such page.")
            elif method not in ("GET", "HEAD"):
                status, kind, text = self.message(405, "This page can only be looked at.")
            else:
                status, kind, text = route()
        except Exception:
            traceback.print_exc()
            status, kind, text = self.message(500, "The dashboard failed; its log says why.")
        body = text.encode(errors="replace")
        headers = HEADERS | {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body))}
        if status == 405:
            headers["Allow"] = "GET, HEAD"
        start_response(f"{status} {HTTPStatus(status).phrase}", list(headers.items()))
        return [] if method == "HEAD" else [body]

    def message(self, status: int, text: str) -> Answer:
        """A page that says one thing."""
        title = HTTPStatus(status).phrase
        return status, "text/html", self.pages.get_template("message.html").render(title=title, text=text)

    def pipelines(self) -> tuple[list[dict], str]:
        """The pipelines, or how Dagster fails."""
        try:
            return dagster.pipelines(self.settings.dagster, self.settings.timeout), ""
        except NoAnswer as error:
            return [], str(error)

    def overview(self) -> Answer:
        """Pipelines and services, for people."""
        pipelines, fault = self.pipelines()
        known = {"pipelines": pipelines, "fault": fault, "services": services.states(self.settings), "now": time.time()}
        return 200, "text/html", self.pages.get_template("overview.html").render(**known)

    def health(self) -> Answer:
        """Services in JSON; 503 when one does not answer as it should."""
        states = services.states(self.settings)
        healthy = all(state["healthy"] for state in states)
        return 200 if healthy else 503, "application/json", json.dumps({"healthy": healthy, "services": states}, indent=2) + "\n"

    def metrics(self) -> Answer:
        """Services and pipelines in Prometheus' text format; what is not known is left out."""
        states, (pipelines, _) = services.states(self.settings), self.pipelines()
        runs = [({"pipeline": p["name"]}, p["run"]) for p in pipelines if p["run"]]
        ended = [(label, run) for label, run in runs if run["endTime"]]
        all_schedules = [(p["name"], s) for p in pipelines for s in p["schedules"]]
        schedules = [({"pipeline": name, "schedule": s["name"]}, s["scheduleState"]) for name, s in all_schedules]
        ticks = [(label, state["nextTick"]["timestamp"]) for label, state in schedules if state["nextTick"]]
        took = [(label, run["endTime"] - run["startTime"]) for label, run in ended if run["startTime"]]
        found = {
            "service_up Whether the service answers as it should.": [({"service": s["name"]}, s["healthy"]) for s in states],
            "service_answer_seconds How long that took.": [({"service": s["name"]}, s["seconds"]) for s in states],
            "pipeline_loaded Whether its code is loaded.": [({"pipeline": p["name"]}, not p["error"]) for p in pipelines],
            "pipeline_last_run_created_seconds When it was asked for.": [(la, run["creationTime"]) for la, run in runs],
            "pipeline_last_run_success Whether it succeeded.": [(la, run["status"] == "SUCCESS") for la, run in ended],
            "pipeline_last_run_duration_seconds How long it took.": took,
            "schedule_running Whether it is on.": [(label, state["status"] == "RUNNING") for label, state in schedules],
            "schedule_next_tick_seconds When it starts the next run.": ticks,
        }
        lines = []
        for description, samples in found.items():
            name = f"foss_data_{description.split()[0]}"
            lines += [f"# HELP foss_data_{description}", f"# TYPE {name} gauge"]
            lines += [f"{name}{labels(label)} {float(value)!r}" for label, value in samples]
        return 200, "text/plain; version=0.0.4", "\n".join(lines) + "\n"

    def style(self) -> Answer:
        """The stylesheet, from the folder of assets, and what it lacks; the pages can be read without it."""
        assets = self.settings.assets
        try:
            return 200, "text/css", ((Path(assets) / STYLESHEET).read_text() if assets else "") + OWN_STYLE
        except OSError:
            return self.message(404, f"The folder DASHBOARD_ASSETS has no {STYLESHEET}.")


def labels(found: dict[str, str]) -> str:
    """Labels of a sample, escaped as Prometheus wants it."""
    escape = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
    return "{" + ",".join(f'{name}="{value.translate(escape)}"' for name, value in found.items()) + "}"
