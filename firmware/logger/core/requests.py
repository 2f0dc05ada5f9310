"""What came over the link and waits for its turn: receipts and orders to be verified, challenges to be answered.

Decides what may be believed (docs/link.md clauses 7 to 9). What follows from it is the logger's part. One of each kind
waits, the newest; whatever cannot be believed is counted and has no other effect.
"""

from logger.core import cose, ed25519
from logger.core.sectorlog import LogFullError

CHALLENGE_PERIOD_MS = 1000  # of real time: a signature takes a tenth of that, and nobody needs more proofs


class Requests:
    """Readable attributes: the counts, and what the logger takes from here and sets back to None:

    `order`, verified and not yet obeyed; `kept_receipt`, a Receipt that is on flash since the logger last looked.
    """

    def __init__(self, config, log, keys):
        self.receipts_refused = 0
        self.receipts_settled = 0
        self.orders_refused = 0
        self.order = None
        self.kept_receipt = None
        self._possession = None  # (a signed proof, the link that asked for it)
        self._service_key = config["service_public_key"]
        self._operator_key = config.get("operator_public_key")
        self._challenge_period_ms = CHALLENGE_PERIOD_MS * config["clock_rate"]
        self._log = log
        self._keys = keys
        self._offered_receipt = None
        self._offered_order = None
        self._challenge = None
        self._next_proof_ms = 0

    def begin(self):
        """Another log: nothing that was asked of the one before is meant for it."""
        self.order = self._offered_receipt = self._offered_order = None
        self._next_proof_ms = 0

    def offer_receipt(self, content):
        try:
            receipt = cose.Receipt(content, self._log.log_id, self._service_key)
            if receipt.size <= self._log.receipted_size:
                self.receipts_settled += 1  # sent again: it says nothing new
            else:
                self._offered_receipt = receipt
        except cose.SignedError:
            self._refuse_receipt()

    def offer_order(self, content):
        try:
            if self._operator_key is None or self._log.is_sealed:
                raise cose.SignedError("nobody may order anything")
            public_key = self._keys.identity.key.public
            self._offered_order = cose.Order(content, self._log.log_id, self._operator_key, public_key)
        except cose.SignedError:
            self.orders_refused += 1

    def offer_challenge(self, nonce, asker):
        """asker: whoever will take the answer (take_possession)."""
        self._challenge = nonce, asker

    def take_possession(self, asker):
        """The proof that this one asked for, once; None where there is none."""
        if self._possession is None or self._possession[1] is not asker:
            return None
        possession, self._possession = self._possession[0], None
        return possession

    def next_steps(self, now_ms):
        """The generator that serves what waits, receipts first; None when nothing does."""
        if self._offered_receipt:
            receipt, self._offered_receipt = self._offered_receipt, None
            return self._settle_receipt_steps(receipt)
        if self._offered_order:
            order, self._offered_order = self._offered_order, None
            return self._settle_order_steps(order)
        if self._challenge and now_ms >= self._next_proof_ms:
            challenge, self._challenge = self._challenge, None
            self._next_proof_ms = now_ms + self._challenge_period_ms
            return self._prove_steps(*challenge)
        return None

    def _settle_receipt_steps(self, receipt):
        """Verifies, keeps, and frees (docs/link.md clause 7)."""
        if receipt.size <= self._log.receipted_size:  # a larger one was settled while this one waited
            self.receipts_settled += 1
            return
        try:
            own = yield from self._log.checkpoint_of_steps(receipt.size)
            if own is None or cose.checkpoint_root(own) != receipt.root:
                raise cose.SignedError("for a root that this board has not signed")
            for _ in ed25519.verify_steps(self._service_key, receipt.message, receipt.signature):
                yield
            self._log.append_receipt(receipt.size)
            self.kept_receipt = receipt
        except (cose.SignedError, ed25519.SignatureError):
            self._refuse_receipt()
            return
        except LogFullError:
            pass  # it would have freed nothing; the one for the next checkpoint will
        self.receipts_settled += 1

    def _refuse_receipt(self):
        self.receipts_refused += 1
        self.receipts_settled += 1

    def _settle_order_steps(self, order):
        try:
            for _ in ed25519.verify_steps(self._operator_key, order.message, order.signature):
                yield
            self.order = order
        except ed25519.SignatureError:
            self.orders_refused += 1

    def _prove_steps(self, nonce, asker):
        key = self._keys.identity.key
        payload = cose.possession_payload(key, nonce)
        signature = yield from key.sign_steps(cose.message(key.algorithm, cose.POSSESSION_PURPOSE, payload))
        self._possession = cose.sign1(key.algorithm, payload, signature), asker
