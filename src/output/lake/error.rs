//! What can be wrong with a folder of Parquet files.

use std::io;
use std::path::PathBuf;

/// A folder that cannot be written or checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder above does not exist. It is not made, because a misspelt name would go unnoticed.
    #[error("cannot make {}: there is no folder {}", path.display(), folder.display())]
    NoFolder {
        /// The folder to make.
        path: PathBuf,
        /// The missing folder.
        folder: PathBuf,
    },
    /// The folder holds something, and no export made it.
    #[error("{} is no folder of an export: it holds {found}, and no _manifest.json", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// The name of something in it.
        found: String,
    },
    /// There is no export to check.
    #[error("{} holds no export: there is no _manifest.json", .0.display())]
    NoExport(PathBuf),
    /// Another run works there.
    #[error("another export to {} is running", .0.display())]
    Busy(PathBuf),
    /// The manifest is not what an export writes.
    #[error("cannot read {}: {source}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A newer archiver wrote the folder.
    #[error("a newer archiver wrote {}", .0.display())]
    Newer(PathBuf),
    /// The folder has accounts, and this archive has no name, or the other way round.
    #[error("{} holds {}", path.display(), if *.has_accounts {
        "archives under the names of accounts, and this one has none"
    } else {
        "an archive without the name of an account, and this one has a name"
    })]
    Accounts {
        /// The folder.
        path: PathBuf,
        /// True when the folder has accounts.
        has_accounts: bool,
    },
    /// The system refused.
    #[error("cannot write or read {}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}
