"""Accounts, credit, loans and the double-entry ledger."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Money is bigint fen. Ids are UUIDs, which survive a move to another cluster; the two identity
# columns (loan.audit_no, repayment.receipt_no) number rows in the order in which they arose.

ACCOUNTS = """
CREATE TABLE account (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    phone text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    kyc_status text NOT NULL DEFAULT 'verified',
    home_bucket smallint NOT NULL CHECK (home_bucket BETWEEN 0 AND 63),
    region text NOT NULL,
    risk_tier char(1) NOT NULL,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'frozen', 'closed')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE session (
    token_hash bytea PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES account,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
-- Pages keep room so that the frequent updates of used_fen need no new index entries.
CREATE TABLE credit_line (
    account_id uuid PRIMARY KEY REFERENCES account,
    limit_fen bigint NOT NULL,
    used_fen bigint NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 0,
    CHECK (0 <= used_fen AND used_fen <= limit_fen)
) WITH (fillfactor = 70);
CREATE TABLE credit_score (
    account_id uuid NOT NULL REFERENCES account,
    score integer NOT NULL,
    tier char(1) NOT NULL,
    reason text NOT NULL,
    effective_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, effective_at)
);
CREATE TABLE policy (
    id integer PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('regulatory', 'product')),
    rule jsonb NOT NULL,
    effective_from timestamptz NOT NULL DEFAULT now(),
    effective_to timestamptz
);
INSERT INTO policy (id, kind, rule) VALUES
    (1, 'regulatory', '{"closed_regions": ["closed"]}'),
    (2, 'product', '{"score_minimum": 550}');
CREATE TABLE risk_flag (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id uuid NOT NULL REFERENCES account,
    kind text NOT NULL CHECK (kind IN ('overdue', 'velocity', 'risk_isolation')),
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
CREATE INDEX risk_flag_open ON risk_flag (account_id) WHERE closed_at IS NULL;
"""

LOANS = """
CREATE TABLE idempotency_key (
    account_id uuid NOT NULL REFERENCES account,
    key text NOT NULL,
    request_fp bytea NOT NULL,
    state text NOT NULL CHECK (state IN ('in_progress', 'done')),
    response_code integer,
    response_body jsonb,
    loan_id uuid,
    replays integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key),
    CHECK (state = 'in_progress' OR (response_code IS NOT NULL AND response_body IS NOT NULL))
) WITH (fillfactor = 70);
CREATE TABLE loan (
    id uuid PRIMARY KEY,
    audit_no bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    account_id uuid NOT NULL REFERENCES account,
    idem_key text NOT NULL,
    principal_fen bigint NOT NULL CHECK (principal_fen > 0),
    term_days integer NOT NULL CHECK (term_days > 0),
    rate_ppm_day integer NOT NULL CHECK (rate_ppm_day >= 0),
    method text NOT NULL CHECK (method IN ('daily', 'equal_instalment')),
    status text NOT NULL CHECK (status IN
        ('under_review', 'approved', 'disbursed', 'repaid', 'declined', 'cancelled')),
    created_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz,
    disbursed_at timestamptz,
    UNIQUE (account_id, idem_key)
);
CREATE TABLE disbursement (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    loan_id uuid NOT NULL UNIQUE REFERENCES loan,
    channel_ref text NOT NULL UNIQUE,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    status text NOT NULL CHECK (status IN ('paid_out')),
    at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE decision (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id uuid NOT NULL REFERENCES account,
    loan_id uuid REFERENCES loan,
    outcome text NOT NULL CHECK (outcome IN ('approved', 'referred', 'declined')),
    code text NOT NULL,
    detail jsonb NOT NULL,
    policy_version integer NOT NULL,
    score integer NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX decision_loan ON decision (loan_id);
CREATE TABLE review_task (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    loan_id uuid NOT NULL UNIQUE REFERENCES loan,
    queue text NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'approved', 'rejected')),
    assignee text,
    opened_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE TABLE repayment (
    id uuid PRIMARY KEY,
    receipt_no bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    loan_id uuid NOT NULL REFERENCES loan,
    idem_key text NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (loan_id, idem_key)
);
"""

LEDGER = """
CREATE TABLE ledger_account (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind IN ('loans_receivable', 'cash_clearing',
        'interest_receivable', 'interest_income', 'penalty_income')),
    owner_account_id uuid REFERENCES account,
    UNIQUE NULLS NOT DISTINCT (kind, owner_account_id)
);
INSERT INTO ledger_account (kind) VALUES ('cash_clearing');
-- The unique reference is a second guard against booking the same event twice.
CREATE TABLE ledger_txn (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('disburse', 'repay', 'accrue', 'reverse')),
    ref_type text NOT NULL CHECK (ref_type IN ('loan', 'repayment')),
    ref_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (ref_type, ref_id, kind)
);
-- Debits are positive, credits negative.
CREATE TABLE ledger_entry (
    txn_id uuid NOT NULL REFERENCES ledger_txn,
    line smallint NOT NULL,
    ledger_account_id uuid NOT NULL REFERENCES ledger_account,
    amount_fen bigint NOT NULL CHECK (amount_fen <> 0),
    PRIMARY KEY (txn_id, line)
);
CREATE TABLE outbox (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    topic text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz
);
-- The readiness probe writes here: a database that only reads is not ready to lend.
CREATE TABLE app_instance (
    instance text PRIMARY KEY,
    version text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);
"""

GUARDS = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_txn_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_txn
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER credit_score_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_score
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION require_zero_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE total numeric;
BEGIN
    SELECT sum(amount_fen) INTO total FROM ledger_entry WHERE txn_id = NEW.txn_id;
    IF total <> 0 THEN
        RAISE EXCEPTION 'ledger transaction % sums to % fen', NEW.txn_id, total
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entry_zero_sum AFTER INSERT ON ledger_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_zero_sum();
"""

TABLES_NEWEST_FIRST = (
    "app_instance, outbox, ledger_entry, ledger_txn, ledger_account, repayment, review_task, "
    "decision, disbursement, loan, idempotency_key, risk_flag, policy, credit_score, "
    "credit_line, session, account"
)


def upgrade() -> None:
    """Create every table, its guards, and the policies in force."""
    for statements in (ACCOUNTS, LOANS, LEDGER, GUARDS):
        # The driver itself is used because SQLAlchemy would take a colon for a parameter.
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))


def downgrade() -> None:
    """Drop everything, the ledger included."""
    op.execute(f"DROP TABLE {TABLES_NEWEST_FIRST}")
    op.execute("DROP FUNCTION refuse_change(), require_zero_sum()")
