-- What is known of a recording beside its audio, and of its files as they are in plain.

ALTER TABLE recordings ADD COLUMN facts      TEXT NOT NULL DEFAULT '{}';
ALTER TABLE recordings ADD COLUMN wav_bytes  INTEGER CHECK (wav_bytes >= 0);
ALTER TABLE recordings ADD COLUMN wav_sha256 TEXT CHECK (length(wav_sha256) = 64);
ALTER TABLE recordings ADD COLUMN mp3_bytes  INTEGER CHECK (mp3_bytes >= 0);
ALTER TABLE recordings ADD COLUMN mp3_sha256 TEXT CHECK (length(mp3_sha256) = 64);
