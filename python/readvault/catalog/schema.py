"""The tables of a vault's SQLite file, as the steps that made them: a file of an older version is brought up to date by
those that it lacks. Steps are never changed once released; what is to be different is another step.

Entries, jobs and events are in one file so that a job's end, its entry and its announcement are one transaction.
"""

MIGRATIONS = (
    """
    CREATE TABLE entries (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        uuid TEXT NOT NULL UNIQUE,
        store TEXT NOT NULL,
        key TEXT NOT NULL,
        name TEXT NOT NULL,
        project TEXT NOT NULL,
        sample TEXT NOT NULL,
        source TEXT NOT NULL,
        size INTEGER NOT NULL,
        archive_size INTEGER NOT NULL,
        created TEXT NOT NULL,
        tier TEXT NOT NULL,
        done TEXT,
        reclaimed TEXT,
        document TEXT NOT NULL,                 -- all of the entry, as JSON
        UNIQUE (store, key)
    );
    CREATE INDEX entries_by_name ON entries (name);
    CREATE INDEX entries_by_project ON entries (project, created);
    CREATE INDEX entries_by_sample ON entries (sample);
    CREATE INDEX entries_by_source ON entries (source);
    CREATE INDEX entries_by_created ON entries (created);
    CREATE TABLE tags (
        entry INTEGER NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (entry, key)
    ) WITHOUT ROWID;
    CREATE INDEX tags_by_value ON tags (key, value);

    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        identity TEXT NOT NULL UNIQUE,          -- digest of source, version and options: the same work is done once
        state TEXT NOT NULL,                    -- waiting, queued, running, failed, done
        priority INTEGER NOT NULL,
        source TEXT NOT NULL,
        version TEXT NOT NULL,
        size INTEGER NOT NULL,
        options TEXT NOT NULL,                  -- JSON
        submitted REAL NOT NULL,                -- times are seconds since 1970
        not_before REAL,                        -- of waiting jobs
        started REAL,
        ended REAL,
        runner TEXT,
        step TEXT,
        key TEXT UNIQUE,                        -- the archive's place, reserved from the plan on
        attempts INTEGER NOT NULL DEFAULT 0,    -- those that failed
        deaths INTEGER NOT NULL DEFAULT 0,      -- those whose runner died
        results TEXT NOT NULL DEFAULT '{}',     -- JSON: what each finished step gave
        error_kind TEXT,
        error TEXT,
        entry TEXT                              -- UUID
    );
    CREATE INDEX jobs_queued ON jobs (priority DESC, id) WHERE state = 'queued';
    CREATE INDEX jobs_waiting ON jobs (not_before) WHERE state = 'waiting';
    CREATE INDEX jobs_running ON jobs (runner) WHERE state = 'running';
    CREATE INDEX jobs_failed ON jobs (id) WHERE state = 'failed';
    CREATE INDEX jobs_done ON jobs (ended) WHERE state = 'done';
    CREATE INDEX jobs_by_source ON jobs (source);
    -- Counts of jobs by state, kept by triggers: counting 100,000 rows for every look at the queue would not be cheap.
    CREATE TABLE job_counts (state TEXT PRIMARY KEY, jobs INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO job_counts
        VALUES ('waiting', 0, 0), ('queued', 0, 0), ('running', 0, 0), ('failed', 0, 0), ('done', 0, 0);
    CREATE TRIGGER jobs_counted AFTER INSERT ON jobs BEGIN
        UPDATE job_counts SET jobs = jobs + 1, bytes = bytes + new.size WHERE state = new.state;
    END;
    CREATE TRIGGER jobs_moved AFTER UPDATE OF state, size ON jobs BEGIN
        UPDATE job_counts SET jobs = jobs - 1, bytes = bytes - old.size WHERE state = old.state;
        UPDATE job_counts SET jobs = jobs + 1, bytes = bytes + new.size WHERE state = new.state;
    END;

    CREATE TABLE steps (
        job INTEGER NOT NULL REFERENCES jobs (id),
        step TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        started REAL NOT NULL,
        ended REAL NOT NULL,
        outcome TEXT NOT NULL,                  -- ok, skipped, again, failed
        bytes INTEGER NOT NULL,
        message TEXT NOT NULL
    );
    CREATE INDEX steps_by_job ON steps (job);

    CREATE TABLE runners (
        id TEXT PRIMARY KEY,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        started REAL NOT NULL,
        seen REAL NOT NULL,
        workers INTEGER NOT NULL,
        doing TEXT NOT NULL DEFAULT '[]'        -- JSON: what each worker is at
    ) WITHOUT ROWID;

    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        body TEXT NOT NULL,                     -- JSON
        created REAL NOT NULL,
        delivered TEXT NOT NULL DEFAULT '[]',   -- JSON: names of the notifiers that have it
        attempts INTEGER NOT NULL DEFAULT 0,
        not_before REAL NOT NULL DEFAULT 0,
        error TEXT,
        pending INTEGER NOT NULL DEFAULT 1
    );
    CREATE INDEX events_pending ON events (number) WHERE pending;

    -- Files that references were given as, so that each is read and stored once.
    CREATE TABLE reference_files (
        place TEXT NOT NULL,
        version TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        key TEXT NOT NULL,
        PRIMARY KEY (place, version)
    ) WITHOUT ROWID;

    -- Where the archives were when the vault was last opened.
    CREATE TABLE store_place (one INTEGER PRIMARY KEY CHECK (one = 1), store TEXT NOT NULL);

    -- The last line of the audit log that belongs to what is in this file.
    CREATE TABLE audit_head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        number INTEGER NOT NULL,
        hash TEXT NOT NULL,
        length INTEGER NOT NULL
    );
    """,
)
