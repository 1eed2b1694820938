use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const PLACE: Place = Place { id: JournalId([7; 16]), segment: 3, offset: 4321 };

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = (vec(any::<u8>(), 0..40), proptest::option::of(vec(any::<u8>(), 0..300)));
    vec(op.prop_map(|(key, value)| Op { key, value }), 0..=64)
}

fn encoded(ops: &[Op], bodies: &[(u64, Vec<u8>)]) -> (Vec<u8>, Vec<(u64, BodyAt)>) {
    let bodies: Vec<(u64, &[u8])> = bodies.iter().map(|(id, body)| (*id, &body[..])).collect();
    let frame = FrameRef { ops, bodies: &bodies };
    check(&frame).expect("within limits");
    let mut out = Vec::new();
    let placed = encode(&frame, 9, 2, PLACE, &mut out);
    assert_eq!(out.len(), encoded_bytes(&frame));
    (out, placed)
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(ops in ops(), bodies in vec((any::<u64>(), vec(any::<u8>(), 0..500)), 0..5)) {
        let (bytes, placed) = encoded(&ops, &bodies);
        let header = Header::parse(&bytes, PLACE).expect("header");
        prop_assert_eq!((header.seq, header.index, header.frame_bytes()), (9, 2, bytes.len()));
        let payload = &bytes[FRAME_HEADER_BYTES..];
        header.covers(payload, PLACE).expect("payload");
        prop_assert_eq!(decode(payload, PLACE), Ok((ops, placed.clone())));
        for ((_, at), (_, body)) in placed.iter().zip(&bodies) {
            let start = (at.offset - PLACE.offset) as usize;
            prop_assert_eq!(&bytes[start..start + at.len as usize], &body[..]);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_decoded_without_panic(bytes in vec(any::<u8>(), 0..200)) {
        decode(&bytes, PLACE).ok();
        Header::parse(&bytes, PLACE).ok();
    }

    #[test]
    fn a_payload_cut_or_lengthened_is_malformed(ops in ops(), cut in any::<prop::sample::Index>()) {
        let (bytes, _) = encoded(&ops, &[(1, vec![1; 9])]);
        let payload = &bytes[FRAME_HEADER_BYTES..];
        prop_assert_eq!(decode(&payload[..cut.index(payload.len())], PLACE), Err(FrameError::Malformed));
        let longer = [payload, &[0]].concat();
        prop_assert_eq!(decode(&longer, PLACE), Err(FrameError::Malformed));
    }
}

#[test]
fn a_frame_is_valid_at_its_own_place_only() {
    let (bytes, _) = encoded(&[], &[(1, b"body".to_vec())]);
    let elsewhere = [
        Place { id: JournalId([8; 16]), ..PLACE },
        Place { segment: PLACE.segment + 1, ..PLACE },
        Place { offset: PLACE.offset + 1, ..PLACE },
    ];
    assert!(Header::parse(&bytes, PLACE).is_ok());
    for place in elsewhere {
        assert_eq!(Header::parse(&bytes, place), Err(FrameError::HeaderChecksum));
    }
}

#[test]
fn limits_hold_at_their_bounds() {
    let op = |key, value| Op { key: vec![1; key], value: Some(vec![2; value]) };
    let largest = vec![op(KEY_BYTES_MAX, VALUE_BYTES_MAX); OPS_MAX];
    let body = vec![3; BODY_BYTES_MAX + 1];
    let bodies = vec![(1, &body[..BODY_BYTES_MAX]); BODIES_MAX];
    let frame = FrameRef { ops: &largest, bodies: &bodies };
    assert_eq!(check(&frame), Ok(()));
    let mut bytes = Vec::new();
    encode(&frame, 1, 0, PLACE, &mut bytes);
    let header = Header::parse(&bytes, PLACE).expect("the largest frame is one");
    assert_eq!(header.covers(&bytes[FRAME_HEADER_BYTES..], PLACE), Ok(()));

    let refused = |ops: &[Op], bodies: &[(u64, &[u8])]| {
        let limit = check(&FrameRef { ops, bodies }).expect_err("over the limit");
        assert_eq!(limit.found, limit.max + 1);
        limit.what
    };
    assert_eq!(refused(&vec![op(1, 1); OPS_MAX + 1], &[]), "operations in a frame");
    assert_eq!(refused(&[op(KEY_BYTES_MAX + 1, 1)], &[]), "bytes of a key");
    assert_eq!(refused(&[op(1, VALUE_BYTES_MAX + 1)], &[]), "bytes of a value");
    assert_eq!(refused(&[], &vec![(1, &body[..1]); BODIES_MAX + 1]), "bodies in a frame");
    assert_eq!(refused(&[], &[(1, &body)]), "bytes of a document body");
}
