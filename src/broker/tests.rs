//! Table tests of the broker.
