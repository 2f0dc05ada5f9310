"""One CAN controller for several who use it: the frames of a BMS are for the source, the link's for its line.

Decides by the identifier whose a frame is. Each view has the interface of a controller (docs/can.md, "Controllers").
"""

_RING = 16  # frames that somebody else has fetched, for each view
_FRAMES_A_CALL = 32
_NOTHING = (0, False, b"")


class CanHub:
    def __init__(self, controller):
        self.controller = controller
        self._views = []

    def view(self, ids=None):
        """ids: [(identifier, is it extended)] of the frames for this view; None for whatever no other view has asked
        for."""
        view = _View(self, ids)
        self._views.append(view)
        return view

    def set_filters(self):
        """Lets through what any view wants."""
        wanted = []
        for view in self._views:
            if view.wanted is None:
                wanted = None
                break
            wanted.extend(view.wanted)
        if hasattr(self.controller, "set_filters"):
            self.controller.set_filters(wanted)

    def owner(self, frame):
        """The view that this frame is for; None where it is nobody's."""
        rest = None
        for view in self._views:
            if view.ids is None:
                rest = view
            else:
                for can_id, is_extended in view.ids:
                    if frame[0] == can_id and bool(frame[1]) == is_extended:
                        return view
        return rest


class _View:
    """`lost`: frames that the controller lost, and those that found no room here. `wanted`: what filters must pass."""

    def __init__(self, hub, ids):
        self.ids = self.wanted = ids
        self._hub = hub
        self._controller = hub.controller
        self._ring = [_NOTHING] * _RING
        self._first = self._count = self._overruns = 0

    @property
    def max_data_bytes(self):
        return self._controller.max_data_bytes

    @property
    def lost(self):
        return self._controller.lost + self._overruns

    @property
    def faults(self):
        return getattr(self._controller, "faults", 0)

    def send(self, can_id, is_extended, data, is_fd=False):
        return self._controller.send(can_id, is_extended, data, is_fd)

    def set_filters(self, ids):
        self.wanted = ids
        self._hub.set_filters()

    def state(self):
        return self._controller.state()

    def restart(self):
        self._controller.restart()

    def put(self, frame):
        """Keeps what another view has fetched. It is copied: the controller's is good until its next call."""
        if self._count == _RING:
            self._overruns += 1
            return
        self._ring[(self._first + self._count) % _RING] = (frame[0], frame[1], bytes(frame[2]))
        self._count += 1

    def receive(self):
        """As a controller's. A frame for this view that is still in the controller is handed on as it is."""
        if self._count:
            frame = self._ring[self._first]
            self._ring[self._first] = _NOTHING
            self._first = (self._first + 1) % _RING
            self._count -= 1
            return frame
        for _ in range(_FRAMES_A_CALL):
            frame = self._controller.receive()
            if frame is None:
                return None
            owner = self._hub.owner(frame)
            if owner is self:
                return frame
            if owner is not None:
                owner.put(frame)
        return None
