-- SPDX-License-Identifier: Apache-2.0
-- Of an incident that comes and goes too often only what is graver is told. held: the gravest that was
-- told while it flaps; NULL: it does not. flap_turned_ms: it flaps since then or, where it does not, what
-- came and went before is over: it settled, or a person resolved it. Two more bits of untold: 32 opened, to
-- those who were told of nothing; 64 updated, to those who take none of what still fires.
ALTER TABLE incident ADD COLUMN held TEXT;
ALTER TABLE incident ADD COLUMN flap_turned_ms INTEGER;

-- So far the timeline had it.
UPDATE incident SET flap_turned_ms = turn.time_ms,
	held = CASE turn.type WHEN 'flapping' THEN incident.severity END
	FROM timeline AS turn
	WHERE turn.id = (SELECT max(id) FROM timeline WHERE timeline.incident = incident.id
		AND (type IN ('flapping', 'settled') OR (type = 'resolved' AND actor <> 'modelwatch')));
