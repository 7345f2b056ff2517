"""The report of a run: verdict.json for programs, report.html for people, the chart as a PNG."""
