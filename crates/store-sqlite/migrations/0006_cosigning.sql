-- What others have to sign as well is a PSBT (BIP-174) until enough of them have: it gains signatures and stays the same transaction.
-- 0x70736274ff is what a PSBT begins with. Bytes that can be sent never change: another transaction is another attempt.
DROP TRIGGER attempt_bytes_once;
CREATE TRIGGER attempt_bytes_once BEFORE UPDATE OF raw, hash ON attempt
WHEN OLD.raw IS NOT NULL AND (NEW.raw IS NOT OLD.raw OR NEW.hash IS NOT OLD.hash)
    AND NOT (OLD.raw LIKE '0x70736274ff%' AND NEW.raw IS NOT NULL AND NEW.hash IS OLD.hash)
BEGIN SELECT RAISE(ABORT, 'attempt_bytes_once'); END;
