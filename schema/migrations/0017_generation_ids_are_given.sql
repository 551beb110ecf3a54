-- From here on whoever creates positions gives them their id.
ALTER TABLE positions ALTER COLUMN generation_id DROP DEFAULT
