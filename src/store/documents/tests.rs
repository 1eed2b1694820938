use std::collections::BTreeMap;
use std::fs;

use bytes::Bytes;
use tokio::runtime::Runtime;

use super::*;

const LARGE: usize = 3_000_000;

#[derive(Default)]
struct Small(BTreeMap<u64, Vec<u8>>);

impl SmallBodies for Small {
    fn read(&self, id: DocumentId) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(&id.0).cloned())
    }
}

fn documents() -> (tempfile::TempDir, Documents) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let small = Small(BTreeMap::from([(1, b"small".to_vec())]));
    let documents = Documents::new(directory.path().to_owned(), Arc::new(small)).expect("starts");
    (directory, documents)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

fn body() -> Vec<u8> {
    (0..LARGE).map(|n| (n * 7 % 251) as u8).collect()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("plain"))
        .collect();
    names.sort();
    names
}

fn read(documents: &Documents, id: u64, place: BodyPlace) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    documents.open(DocumentId(id), place)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn upload(documents: &Documents, id: u64, body: &[u8], chunk: usize) -> io::Result<Finished> {
    runtime().block_on(async {
        let mut upload = documents.begin(DocumentId(id));
        for chunk in body.chunks(chunk) {
            upload.write(Bytes::copy_from_slice(chunk)).await?;
        }
        upload.finish().await
    })
}

#[test]
fn an_upload_comes_back_as_it_went() {
    let (directory, documents) = documents();
    let body = body();
    for (id, chunk) in [(10, 1000), (11, 65_536), (12, LARGE)] {
        let finished = upload(&documents, id, &body, chunk).expect("there is room");
        assert_eq!(finished, Finished { bytes: LARGE as u64, crc: crc32c::crc32c(&body) });
        assert!(read(&documents, id, BodyPlace::File).expect("there") == body);
    }
    assert_eq!(upload(&documents, 13, b"", 1).expect("empty"), Finished { bytes: 0, crc: 0 });
    assert_eq!(read(&documents, 13, BodyPlace::File).expect("there"), b"");
    assert_eq!(names(directory.path()), ["10", "11", "12", "13"]);
}

#[test]
fn small_ones_come_from_the_store_and_missing_ones_say_so() {
    let (_directory, documents) = documents();
    assert_eq!(read(&documents, 1, BodyPlace::Inline).expect("there"), b"small");
    for place in [BodyPlace::Inline, BodyPlace::File] {
        let error = read(&documents, 2, place).expect_err("nothing there");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with("document 2 is gone from the"), "{error}");
    }
}

#[test]
fn what_is_dropped_or_discarded_goes() {
    let (directory, documents) = documents();
    runtime().block_on(async {
        let mut idle = documents.begin(DocumentId(20));
        idle.write(body().into()).await.expect("there is room");
        idle.write(Bytes::from_static(b"x")).await.expect("there is room");
        let mut busy = documents.begin(DocumentId(21));
        busy.write(body().into()).await.expect("there is room");
    });
    upload(&documents, 22, &body(), LARGE).expect("there is room");
    fs::write(directory.path().join("not ours"), "x").expect("written");
    documents.discard(DocumentId(22));
    documents.discard(DocumentId(22));
    documents.discard(DocumentId(23));
    // The remover finishes what waits before it ends.
    drop(documents);
    assert_eq!(names(directory.path()), ["not ours"]);
}

#[test]
fn no_document_is_overwritten() {
    let (directory, documents) = documents();
    upload(&documents, 30, b"first", 5).expect("there is room");
    let error = upload(&documents, 30, b"second", 6).expect_err("used");
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(read(&documents, 30, BodyPlace::File).expect("there"), b"first");
    drop(documents);
    assert_eq!(names(directory.path()), ["30"]);
}

#[test]
fn only_our_files_without_a_record_are_unclaimed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let all = ["1", "2", "3.part", "04", "5.part.part", "x", "6.bak", "-7", "18446744073709551616", ".8"];
    for name in all {
        fs::write(directory.path().join(name), "x").expect("written");
    }
    fs::create_dir(directory.path().join("9")).expect("made");
    let found = unclaimed::<io::Error>(directory.path(), |id| Ok(id == DocumentId(1))).expect("readable");
    let mut found: Vec<_> = found.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    found.sort_unstable();
    assert_eq!(found, ["2", "3.part"]);
    assert!(unclaimed::<io::Error>(directory.path(), |_| Err(io::ErrorKind::Other.into())).is_err());
}

/// Who reads along finds there what was written last, and never anything else.
#[test]
fn the_last_two_chunks_are_kept_for_who_reads_along() {
    const CHUNK: usize = 262_144;
    let (_directory, documents) = documents();
    let body = body();
    let mut upload = documents.begin(DocumentId(10));
    let growth = upload.growth().clone();
    runtime().block_on(async {
        upload.write(Bytes::copy_from_slice(&body[..CHUNK])).await.expect("there is room");
        let whole = growth.look(CHUNK as u64 - 1, std::time::Duration::from_secs(60));
        assert_eq!(whole, Grown::SoFar(CHUNK as u64));
        assert_eq!(growth.recent(0), None, "nobody had read along");
        for chunk in body[CHUNK..4 * CHUNK].chunks(CHUNK) {
            upload.write(Bytes::copy_from_slice(chunk)).await.expect("there is room");
        }
        upload.finish().await.expect("there is room")
    });
    let at = |offset: usize| growth.recent(offset as u64).map(|bytes| bytes.to_vec());
    assert_eq!(at(2 * CHUNK), None, "it was written before the last two, of which one is empty");
    assert!(at(3 * CHUNK).expect("kept") == body[3 * CHUNK..4 * CHUNK]);
    assert!(at(3 * CHUNK + 1000).expect("kept") == body[3 * CHUNK + 1000..4 * CHUNK]);
    assert_eq!(at(4 * CHUNK), None, "it ends there");
}
