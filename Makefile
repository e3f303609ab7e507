# mailclerk: the commands for a person. `make demo` and `make test` bring the mail servers that they need.

.PHONY: help bench demo demo-down demo-send demo-inbox test ci torture servers install

help:
	@echo 'make demo         real mail servers, 27 sample mails, and what becomes of each'
	@echo 'make demo KEEP=1  the same, and leaves it up to play with;  make demo-down  ends it'
	@echo 'make test         every test, real mail servers included'
	@echo 'make torture      kills, power cuts, damaged stores, simulated days; MINUTES=20 SEED=7 say how long and which'
	@echo 'make bench        how fast it is, beside the floors of this machine: PARTS="end-to-end smtp" COUNT=2000 REPEAT=3'
	@echo 'make install      as root, after cargo build --release --locked: program, unit, sample config, rules; keeps what is yours'
	@echo 'make ci           make test, and before it format, lints, docs, licences, the unit'

# Given on the command line, read by the demo and the torture from their environment.
export FROM TO SUBJECT TEXT OF KEEP MINUTES SEED COUNT REPEAT TICKETS DELIVERIES SENDINGS

DEMO = cargo run --release --quiet --example demo --

demo: servers
	cargo build --release --bin mailclerk --example demo
	@$(DEMO) run

demo-send:
	@$(DEMO) send

demo-inbox:
	@$(DEMO) inbox

# Needs no build: ends by the folder that demo-run points to.
demo-down:
	@if [ -L demo-run ]; then tests/servers/stop.sh "$$(readlink demo-run)" && rm -f demo-run && echo 'the demo is down'; \
	else echo 'no demo is up'; fi

test: servers
	.ci/run test

ci: servers
	.ci/run

# Builds with the profile `torture`; prints a table at its end, and on any violation how to see it again.
torture: servers
	@tests/torture/run.sh

# PARTS: end-to-end, latency, thinking, store, smtp, memory; without it all of them, which takes half an hour.
bench: servers
	cargo bench --locked --bench bench -- $(PARTS)

# Dovecot, Postfix, openssl, strace from Debian's packages; does nothing when they are there.
servers:
	@tests/servers/install.sh

# Builds nothing, so that root needs no toolchain; starts nothing. What lies in /etc already is never overwritten.
ETC = $(DESTDIR)/etc/mailclerk
DROP_IN = $(DESTDIR)/etc/systemd/system/mailclerk.service.d/credentials.conf
install:
	@test -x target/release/mailclerk || { echo 'first, not as root: cargo build --release --locked'; exit 1; }
	install -D -m 755 target/release/mailclerk $(DESTDIR)/usr/bin/mailclerk
	install -D -m 644 README.md $(DESTDIR)/usr/share/doc/mailclerk/README.md
	install -D -m 644 systemd/mailclerk.service $(DESTDIR)/usr/lib/systemd/system/mailclerk.service
	install -D -m 644 systemd/mailclerk.sysusers.conf $(DESTDIR)/usr/lib/sysusers.d/mailclerk.conf
	install -D -m 644 systemd/mailclerk.tmpfiles.conf $(DESTDIR)/usr/lib/tmpfiles.d/mailclerk.conf
	install -d -m 750 $(ETC)
	test -e $(ETC)/rules || cp -r rules $(ETC)/rules
	test -e $(ETC)/mailclerk.toml || install -m 640 systemd/mailclerk.example.toml $(ETC)/mailclerk.toml
	test -e $(DROP_IN) || install -D -m 644 systemd/credentials.conf $(DROP_IN)
