"""What all end-to-end tests share: processes with an end, ports, waiting, statements that count.

`case` is the test itself, `process` what it starts, `ports` where that listens, `web` how it asks,
`metrics` how it reads `/metrics`, `tamis` and `servers` the programs that tests are made of. It needs
nothing but Python and knows nothing of what is tested.
"""
