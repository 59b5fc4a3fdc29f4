-- SPDX-License-Identifier: Apache-2.0
-- The first schema. One host, one file, one writer.
--
-- Columns that end in _ms are milliseconds since 1970 in UTC; NULL stands for "not". States and
-- severities are the words that the pages use. Labels are text such as {service="llama"}. Evidence
-- is a JSON array of {"name":...,"text":...}.

-- host_id: stable for ever. created_ms: when this file was made.
CREATE TABLE meta (
	name TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;

INSERT INTO meta VALUES ('host_id', lower(hex(randomblob(16))));
INSERT INTO meta VALUES ('created_ms', strftime('%s', 'now') || '000');

-- Every series ever seen; ids count from 1 and are never used again.
CREATE TABLE series (
	id INTEGER PRIMARY KEY,
	metric TEXT NOT NULL,
	labels TEXT NOT NULL,
	UNIQUE (metric, labels)
);

-- One row a moment: the values of many series, as schema/tick.h describes them.
CREATE TABLE tick (
	time_ms INTEGER PRIMARY KEY,
	data BLOB NOT NULL
);

-- What happened once. PID and start name a main process, where the event is of one.
CREATE TABLE event (
	id INTEGER PRIMARY KEY,
	time_ms INTEGER NOT NULL,
	type TEXT NOT NULL,
	service TEXT NOT NULL,
	pid INTEGER NOT NULL,
	start INTEGER NOT NULL,
	reason TEXT NOT NULL,
	evidence TEXT NOT NULL
);
CREATE INDEX event_time ON event (time_ms);

-- Services and their state.
CREATE TABLE service (
	name TEXT PRIMARY KEY,
	state TEXT NOT NULL,
	discovered INTEGER NOT NULL,
	since_ms INTEGER,
	restarts INTEGER NOT NULL,
	reason TEXT NOT NULL,
	url TEXT NOT NULL
) WITHOUT ROWID;

-- The main processes that live, or lived when the daemon last looked.
CREATE TABLE process (
	service TEXT NOT NULL,
	pid INTEGER NOT NULL,
	start INTEGER NOT NULL,		-- clock ticks since boot
	boot TEXT NOT NULL,
	PRIMARY KEY (service, pid, start, boot)
) WITHOUT ROWID;

-- The daemon's own roles.
CREATE TABLE role (
	name TEXT PRIMARY KEY,
	pid INTEGER NOT NULL,
	state TEXT NOT NULL,
	restarts INTEGER NOT NULL
) WITHOUT ROWID;

-- What a role holds true until it says otherwise.
CREATE TABLE fact (
	role TEXT NOT NULL,
	topic TEXT NOT NULL,
	subject TEXT NOT NULL,
	key TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (role, topic, subject, key)
) WITHOUT ROWID;

CREATE TABLE incident (
	id INTEGER PRIMARY KEY,
	state TEXT NOT NULL,
	severity TEXT NOT NULL,
	title TEXT NOT NULL,
	service TEXT NOT NULL,
	runbook TEXT NOT NULL,
	opened_ms INTEGER NOT NULL,
	acknowledged_ms INTEGER,
	resolved_ms INTEGER,
	acknowledged_by TEXT,
	reopened INTEGER NOT NULL,
	expired INTEGER NOT NULL DEFAULT 0	-- 1: its alerts and timeline are no longer kept
);
CREATE INDEX incident_open ON incident (id) WHERE state = 'open';
CREATE INDEX incident_resolved ON incident (resolved_ms) WHERE state = 'resolved' AND expired = 0;

-- An alert, once for each incident that it was part of: an incident keeps its alerts as they ended,
-- also when the same ones fire again later. Incident 0: it has none yet.
CREATE TABLE alert (
	fingerprint TEXT NOT NULL,
	incident INTEGER NOT NULL,
	rule TEXT NOT NULL,
	labels TEXT NOT NULL,
	severity TEXT NOT NULL,
	state TEXT NOT NULL,
	value REAL,
	threshold REAL,
	low REAL,
	high REAL,
	active_ms INTEGER,
	started_ms INTEGER,
	held_ms INTEGER,
	ended_ms INTEGER,
	history INTEGER NOT NULL,	-- the last evaluations, newest in bit 0
	summary TEXT NOT NULL,
	description TEXT NOT NULL,
	runbook TEXT NOT NULL,
	evidence TEXT NOT NULL,
	PRIMARY KEY (fingerprint, incident)
) WITHOUT ROWID;
CREATE INDEX alert_incident ON alert (incident);
CREATE INDEX alert_live ON alert (state) WHERE state IN ('pending', 'firing');

CREATE TABLE timeline (
	id INTEGER PRIMARY KEY,
	incident INTEGER NOT NULL,
	time_ms INTEGER NOT NULL,
	type TEXT NOT NULL,
	actor TEXT NOT NULL,
	text TEXT NOT NULL
);
CREATE INDEX timeline_incident ON timeline (incident);

-- The outbox. An id is never used again, also not after its row is gone.
CREATE TABLE notification (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	message_id TEXT NOT NULL UNIQUE,
	incident INTEGER NOT NULL,
	webhook TEXT NOT NULL,
	type TEXT NOT NULL,
	state TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	due_ms INTEGER,
	delivered_ms INTEGER,
	attempts INTEGER NOT NULL,
	last_error TEXT NOT NULL,
	body TEXT NOT NULL
);
CREATE INDEX notification_incident ON notification (incident);
CREATE INDEX notification_pending ON notification (id) WHERE state = 'pending';
CREATE INDEX notification_settled ON notification (created_ms) WHERE state <> 'pending';

-- For people with sqlite3 -readonly.
CREATE VIEW open_incidents AS
	SELECT id, severity, title, service,
		strftime('%Y-%m-%dT%H:%M:%fZ', opened_ms / 1000.0, 'unixepoch') AS opened,
		acknowledged_by
	FROM incident WHERE state = 'open' ORDER BY id DESC;

CREATE VIEW recent_events AS
	SELECT strftime('%Y-%m-%dT%H:%M:%fZ', time_ms / 1000.0, 'unixepoch') AS time,
		type, service, pid, reason, evidence
	FROM event ORDER BY time_ms DESC, id DESC LIMIT 1000;
