"""A checker that proves that nothing is lost, repeated, misordered or misrouted, whatever breaks.

`ledger` and `judge` are pure: what was produced, what each device heard, and what of it is wrong. `devices` and `crowd`
are the users, `faults` what is done to the cluster, `stage` the cluster, `scenario` one run of all these, `report` what
is printed and kept. Run it by `make chaos`; `tests/chaos` runs it, too.
"""
