-- What others have to sign as well is a PSBT (BIP-174) until enough of them have: it gains signatures and stays the same transaction.
-- 0x70736274ff is what a PSBT begins with. Bytes that can be sent never change: another transaction is another attempt.
DROP TRIGGER attempt_bytes_once ON attempt;
CREATE TRIGGER attempt_bytes_once BEFORE UPDATE ON attempt
FOR EACH ROW WHEN (
    OLD.raw IS NOT NULL AND (NEW.raw IS DISTINCT FROM OLD.raw OR NEW.hash IS DISTINCT FROM OLD.hash)
    AND NOT (OLD.raw LIKE '0x70736274ff%' AND NEW.raw IS NOT NULL AND NEW.hash IS NOT DISTINCT FROM OLD.hash)
)
EXECUTE FUNCTION refuse_other_bytes();
