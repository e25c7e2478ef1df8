"""The fault drill: something breaks under load, and whoever is on call must be told, in time, and told that it is over.

`expectations` is the table of what must tell, fault by fault. `alerts`, `panels`, `calm` and `verdict` are pure: what
became of each alert, what the dashboards ask, whether an answer left its calm range, and what stayed silent.
`monitoring` is a real Prometheus and a real Alertmanager, `rehearsal` one fault under load, `report` and `plot` what is
printed and kept. Run it by `make drill`.
"""
