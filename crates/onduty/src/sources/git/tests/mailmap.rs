//! The core's reading of `.mailmap`, beside that of the machine's own git.

use super::Repository;
use onduty_core::owner::mailmap::Mailmap;

const NAMES: [&[u8]; 8] = [b"Lena", b"LENA", b"lena vogt", b"L", b"", "é".as_bytes(), "É".as_bytes(), b"x\xffy"];
const EMAILS: [&[u8]; 7] = [b"a@a", b"A@A", b"b@b", b"", b" a@a ", "é".as_bytes(), b"\xff"];
/// What the made-up maps are put together from; those that are there twice come more often.
const PIECES: [&[u8]; 30] = [
    b"<a@a>",
    b"<A@a>",
    b"<b@b>",
    b"<b@b>",
    b"<>",
    b"< a@a >",
    "<é>".as_bytes(),
    b"<\xff>",
    b"<new@n>",
    b"<N@n>",
    b"Lena",
    b"lena",
    b"Lena Vogt",
    b"L",
    "é".as_bytes(),
    b"x\xffy",
    b"New",
    b" ",
    b" ",
    b" ",
    b"\t",
    b"\r",
    b"\x0b",
    b"\n",
    b"\n",
    b"\n",
    b"#",
    b"<",
    b">",
    b"\0",
];

impl Repository {
    fn write_blob(&self, kind: &str, contents: &[Vec<u8>]) -> Vec<String> {
        let mut args = vec!["hash-object".to_owned(), "-w".into(), "--literally".into(), "-t".into(), kind.into()];
        for (index, content) in contents.iter().enumerate() {
            let name = format!("../{kind}-{index}");
            std::fs::write(self.path().join("work").join(&name), content).unwrap();
            args.push(name);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.git(&args).lines().map(str::to_owned).collect()
    }

    /// A commit by every name with every address, also those that git itself would refuse to make.
    fn commits_of_everybody(&self) -> Vec<String> {
        let tree = self.git(&["rev-parse", "HEAD^{tree}"]);
        let by = |name: &[u8], email: &[u8]| {
            let start = format!("tree {tree}\nauthor ");
            [start.as_bytes(), name, b" <", email, b"> 1 +0000\ncommitter c <c> 1 +0000\n\nx\n"].concat()
        };
        let all: Vec<Vec<u8>> = NAMES.iter().flat_map(|name| EMAILS.map(|email| by(name, email))).collect();
        self.write_blob("commit", &all)
    }

    /// How many authors have another name or address with `map` (its blob is `blob`) than without; fails where git
    /// and the core do not agree.
    fn compare(&self, map: &[u8], blob: &str, commits: &[String]) -> usize {
        let setting = format!("mailmap.blob={blob}");
        let format = "--format=%an%x00%ae%x00%aN%x00%aE";
        let mut args = vec!["--git-dir=.git", "-c", &setting, "log", "--use-mailmap", "--no-walk", "-z", format];
        args.extend(commits.iter().map(String::as_str));
        let printed = self.git(&args);
        let fields: Vec<&str> = printed.split('\0').collect();
        let authors = fields.as_chunks::<4>().0;
        assert_eq!(authors.len(), commits.len());
        let text = String::from_utf8_lossy(map);
        let mailmap = Mailmap::parse(&text);
        for [name, email, new_name, new_email] in authors {
            let found = mailmap.canonical(name, email);
            assert_eq!(found, (*new_name, *new_email), "{name:?} <{email:?}> in {text:?}");
        }
        authors.iter().filter(|[name, email, new_name, new_email]| (name, email) != (new_name, new_email)).count()
    }
}

/// Each form, and what real files have got wrong.
const HOSTILE: &[u8] = b"# comment\nLena Vogt <LENA@new>\n<l@new> <a@a>\r\nLena Vogt <lena@new> <B@B> # comment\n\
    One <one@new> lena vogt <b@B>\nTwo <two@new> LENA <b@b>\n <b@b>\nX\n<\n>\n<>\n\tE <e@new> \xc3\xa9 <\xc3\xa9>\n\
    #No <no@new> <b@b>\nEmpty <empty@new> <>\nOdd\xff\x1b[2J <odd@new> x\xffY <\xff>\nL <a@a>\nNo end <a@a";

#[test]
fn the_core_reads_a_mailmap_as_git_does() {
    let repository = Repository::new();
    repository.commit(".mailmap", "Head <head@new> <a@a>\n");
    // As in a mirror, where the map is a blob and not a file.
    repository.git(&["config", "core.bare", "true"]);
    let commits = repository.commits_of_everybody();
    assert!(repository.compare(b"Head <head@new> <a@a>\n", "HEAD:.mailmap", &commits) > 0);

    let mut state = 1u32;
    let mut next = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let mut maps: Vec<Vec<u8>> = Vec::new();
    for _ in 0..80 {
        // Nothing after a NUL is read, so most maps go without.
        let pieces = &PIECES[..PIECES.len() - usize::from(next(9) > 0)];
        let length = 12 + next(120);
        maps.push((0..length).flat_map(|_| pieces[next(pieces.len())]).copied().collect());
    }
    maps.push(HOSTILE.to_vec());
    let blobs = repository.write_blob("blob", &maps);
    let changed: Vec<usize> =
        maps.iter().zip(&blobs).map(|(map, blob)| repository.compare(map, blob, &commits)).collect();
    assert!(*changed.last().unwrap() > 20, "{changed:?}");
    assert!(changed.iter().sum::<usize>() > 200, "the made-up maps hardly map anybody: {changed:?}");
}
