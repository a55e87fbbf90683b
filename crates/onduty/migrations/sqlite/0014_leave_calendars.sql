-- Leave that a calendar told, which it may take back; and whether a person ended it, which a calendar does not undo.
-- `../postgres/0014_leave_calendars.sql` is its twin.
alter table told_leave add column calendar text; -- null where a person told it
alter table told_leave add column ended_by text; -- null where nobody did, or a calendar took it back
