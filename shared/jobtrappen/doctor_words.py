# SPDX-License-Identifier: MPL-2.0
"""What each of the doctor's findings means and what mends it: code → why it matters, the remedy's command, where to read on."""
from __future__ import annotations

from dataclasses import dataclass

PAGE = "docs/runbook.md"


@dataclass(frozen=True, slots=True)
class Words:
    why: str
    remedy: str
    """A command of this suite, or what a person must do; {service}, {id} and {topic} are filled in."""
    anchor: str


WORDS = {
    "configuration": Words("Nothing starts with a wrong setting.", "Mend the setting that is named, then run `jobtrappen doctor` again.", "a-process-does-not-start"),
    "today-pinned": Words("Every command is registered on that day, whatever the calendar says.", "Unset JOBTRAPPEN_TODAY and start the processes again.", "a-process-does-not-start"),
    "demo-open": Words("Whoever reaches that address is caseworker and administrator.", "Set JOBTRAPPEN_MODE=production, or bind to 127.0.0.1.", "a-process-does-not-start"),
    "schema": Words("Web and workers of this version do not start on another schema.", "jobtrappen migrate {service}", "the-database-is-at-another-revision"),
    "database-away": Words("The service answers 503 and its workers wait; nothing is lost, nothing is done.", "Start the database and look at its log; the processes come back by themselves.", "the-database-is-away"),
    "disk": Words("On a full disk every command is answered 503.", "Make room on that disk, or move the data to a larger one; nothing needs to be started again.", "the-disk-is-full"),
    "clock": Words("Times in the log, expiry of tokens and the lag are wrong by as much.", "Let all hosts keep time (NTP), then run `jobtrappen doctor {service}` again.", "clocks-are-apart"),
    "bus-away": Words("Events wait in the outbox and reach nobody; commands are taken all the same.", "Start the broker and look at its log; relay and consumer come back by themselves.", "the-bus-is-away"),
    "topics": Words("Without the topic, or the right to it, nothing can be said or heard there.", "jobtrappen topics", "a-topic-or-a-right-is-missing"),
    "bus-behind": Words("The bus was made anew or restored from a backup: what lay behind that place is not there any more.", "Stop the processes of the suite and do what docs/operations.md says of a bus that is lost.", "the-bus-has-forgotten"),
    "outbox-late": Words("The other services work on old facts.", "jobtrappen relay {service}", "events-are-not-published"),
    "relay-silent": Words("Nothing of this service is published, and its audit log is not sealed.", "jobtrappen relay {service}", "events-are-not-published"),
    "consumer-silent": Words("The service does not hear what the others say.", "jobtrappen consume {service}", "a-consumer-is-silent-or-behind"),
    "consumer-stopped": Words("So many events at once are a fault of the release or of who says them, not of the cases.", "jobtrappen parked list {service}", "a-consumer-has-stopped-itself"),
    "worker-pauses": Words("It waits for a database or a bus that does not answer it, though it may answer others.", "Look at its log, at the network between, and at the log-in that it uses.", "a-consumer-is-silent-or-behind"),
    "versions-mixed": Words("That is right during an upgrade and wrong after it.", "Start the processes of the older version again from the new release.", "versions-run-side-by-side"),
    "parked": Words("A case stands still in this service; the other cases flow on.", "jobtrappen parked show {service} {id}", "events-are-parked"),
    "waiting-long": Words("The event before them was probably never said, or its sender does not publish.", "jobtrappen parked show {service} {id}", "an-event-has-waited-for-an-hour"),
    "dead-letters": Words("Somebody writes to a topic who should not, or a release writes what cannot be read.", "jobtrappen dead list {service}", "dead-letters"),
    "lag": Words("The service works on old facts.", "jobtrappen consume {service}", "a-consumer-is-silent-or-behind"),
    "audit-unsealed": Words("Until a row is sealed, nobody could prove that it was changed.", "jobtrappen relay {service}", "the-audit-log-is-not-sealed"),
    "audit-broken": Words("Somebody changed the record of who saw and did what, or a seal's secret is not configured.", "jobtrappen audit verify {service}", "the-audit-log-does-not-hold"),
    "key-missing": Words("Persons and notes that it sealed cannot be read.", "jobtrappen keys status {service}", "a-key-is-missing"),
    "persons-missing": Words("Lists show cases without names.", "Look whether referral answers at that address, and at JOBTRAPPEN_URLS.", "names-are-missing"),
}
