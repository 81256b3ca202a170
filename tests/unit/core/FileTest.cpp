//===- FileTest.cpp - Files, digests, progress, arithmetic ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "runtime/support/AtomicFile.h"
#include "runtime/support/CheckedMath.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/ProgressBar.h"
#include "runtime/support/Sha256.h"
#include "gtest/gtest.h"
#include <array>
#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace gossamer;

namespace {

TEST(MappedFile, ReadsAFile) {
  TempDir dir;
  Expected<MappedFile> file = MappedFile::open(dir.write("a", "hello"));
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_EQ(file->text(), "hello");
  EXPECT_EQ(file->size(), 5u);
  EXPECT_EQ(file->path(), dir.file("a"));
  file->advise(MappedFile::Advice::WillNeed);
  file->advise(MappedFile::Advice::Random, 3, 1000);
  file->advise(MappedFile::Advice::DontNeed, 1000, 1);

  MappedFile moved = file.take();
  EXPECT_EQ(moved.text(), "hello");
  MappedFile assigned;
  assigned = std::move(moved);
  EXPECT_EQ(assigned.text(), "hello");
}

TEST(MappedFile, ReadsAnEmptyFile) {
  TempDir dir;
  Expected<MappedFile> file = MappedFile::open(dir.write("a", ""));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), 0u);
  EXPECT_TRUE(file->text().empty());
}

TEST(MappedFile, RefusesWhatIsNoRegularFile) {
  TempDir dir;
  Status directory = MappedFile::open(dir.path()).status();
  EXPECT_EQ(directory.code(), StatusCode::InvalidData);
  EXPECT_EQ(directory.message(),
            dir.path() + ": expects a file but got a directory");
  EXPECT_EQ(MappedFile::open("/dev/zero").status().code(),
            StatusCode::InvalidData);
  // Opening a pipe that nobody writes must return.
  ASSERT_EQ(::mkfifo(dir.file("pipe").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(dir.file("pipe")).status().code(),
            StatusCode::InvalidData);
  Status absent = MappedFile::open(dir.file("absent")).status();
  EXPECT_EQ(absent.code(), StatusCode::NotFound);
  EXPECT_EQ(absent.message(),
            dir.file("absent") + ": cannot open: No such file or directory");
}

TEST(MappedFile, OpensBeneathADirectoryOnly) {
  TempDir dir;
  dir.write("a", "x");
  EXPECT_TRUE(MappedFile::openBeneath(dir.path(), "a"));
  EXPECT_TRUE(MappedFile::openBeneath(dir.path(), "./a"));
  for (const char *name : {"", "/etc/passwd", "..", "../a", "b/../a", "b/.."})
    EXPECT_EQ(MappedFile::openBeneath(dir.path(), name).status().code(),
              StatusCode::InvalidData)
        << name;
  EXPECT_TRUE(checkRelativeName("..a/b..").isOk());
  EXPECT_EQ(checkRelativeName("a\x1B[2J").message(),
            "expects a file name without control characters but got "
            "\"a\\u001b[2J\"");
  EXPECT_EQ(checkRelativeName("a/../b").message(),
            "expects a file name without \"..\" but got \"a/../b\"");
}

TEST(AtomicFile, AppearsOnCommit) {
  TempDir dir;
  std::string path = dir.write("a", "old");
  {
    Expected<AtomicFile> file = AtomicFile::create(path);
    ASSERT_TRUE(file) << file.status().message();
    EXPECT_TRUE(file->write("new ").isOk());
    EXPECT_TRUE(file->write("bytes").isOk());
    EXPECT_TRUE(file->alignTo(16).isOk());
    EXPECT_TRUE(file->alignTo(16).isOk());
    EXPECT_EQ(file->size(), 16u);
    EXPECT_TRUE(file->overwrite(0, "N").isOk());
    EXPECT_EQ(file->overwrite(10, "1234567").code(), StatusCode::Internal);
    EXPECT_EQ(readFile(path), "old");
    EXPECT_TRUE(file->commit().isOk());
  }
  EXPECT_EQ(readFile(path), std::string("New bytes\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(dir.fileCount(), 1u);
}

TEST(AtomicFile, WritesPiecesOfAnySize) {
  TempDir dir;
  std::string expected;
  Expected<AtomicFile> file = AtomicFile::create(dir.file("a"));
  ASSERT_TRUE(file);
  for (size_t size : {1u, 1u << 19, 1u << 19, 1u << 20, 3u << 20, 0u, 7u}) {
    std::string piece(size, static_cast<char>('a' + size % 23));
    expected += piece;
    ASSERT_TRUE(file->write(piece).isOk());
  }
  ASSERT_TRUE(file->commit().isOk());
  EXPECT_TRUE(readFile(dir.file("a")) == expected);
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  TempDir dir;
  {
    Expected<AtomicFile> file = AtomicFile::create(dir.file("a"));
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("x").isOk());
    AtomicFile moved = file.take();
    EXPECT_EQ(dir.fileCount(), 1u);
  }
  EXPECT_EQ(dir.fileCount(), 0u);
}

TEST(AtomicFile, RefusesOtherDestinations) {
  TempDir dir;
  EXPECT_EQ(AtomicFile::create(dir.path()).status().message(),
            dir.path() + ": expects a file but got a directory");
  EXPECT_EQ(AtomicFile::create("/dev/full").status().code(), StatusCode::Usage);
  EXPECT_EQ(AtomicFile::create(dir.file("no/a")).status().code(),
            StatusCode::NotFound);
  EXPECT_EQ(AtomicFile::create("").status().code(), StatusCode::Usage);
}

/// Runs `body` in a child process and returns its wait status.
template <typename Body> int inChild(Body body) {
  pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

/// No file may grow beyond `bytes` in this process, as on a full disk.
void limitFileSize(rlim_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = {bytes, bytes};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

TEST(AtomicFile, FailsOnAFullDiskAndLeavesNothing) {
  TempDir dir;
  std::string path = dir.write("a", "old");
  int status = inChild([&] {
    limitFileSize(1000);
    Status written = writeFile(path, std::string(5000, 'x'));
    bool ok = written.code() == StatusCode::IoError &&
              written.message() == path + ": cannot write at offset 1000: "
                                          "File too large";
    ::_exit(ok ? 7 : 1);
  });
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(readFile(path), "old");
  EXPECT_EQ(dir.fileCount(), 1u);
}

TEST(AtomicFile, IsRemovedOnSignals) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    TempDir dir;
    int status = inChild([&] {
      removeUncommittedFilesOnSignals();
      Expected<AtomicFile> a = AtomicFile::create(dir.file("a"));
      Expected<AtomicFile> b = AtomicFile::create(dir.file("b"));
      if (!a || !b || !b->commit().isOk() || dir.fileCount() != 2)
        ::_exit(1);
      ::raise(signal);
    });
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 130);
    EXPECT_EQ(dir.fileCount(), 1u) << "only the committed file stays";
  }
}

TEST(Sha256, MatchesPublishedVectors) {
  EXPECT_EQ(toHex(sha256(std::string_view())),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(toHex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 hash;
  std::string thousand(1000, 'a');
  for (int i = 0; i < 1000; ++i)
    hash.update(thousand);
  EXPECT_EQ(toHex(hash.finish()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  hash.update("abc");
  EXPECT_EQ(hash.finish(), sha256("abc")) << "finish() starts anew";
  EXPECT_EQ(toBytes(sha256("abc")).size(), 32u);
}

TEST(CheckedMath, ReportsOverflow) {
  constexpr uint64_t most = UINT64_MAX;
  EXPECT_EQ(checkedAdd(most - 1, 1), most);
  EXPECT_EQ(checkedAdd(most, 1), std::nullopt);
  EXPECT_EQ(checkedMul(1u << 31, 1u << 31), uint64_t(1) << 62);
  EXPECT_EQ(checkedMul(uint64_t(1) << 32, uint64_t(1) << 32), std::nullopt);
  std::array<uint64_t, 3> factors = {3, 4, 5};
  EXPECT_EQ(checkedProduct(factors, 2), 120u);
  EXPECT_EQ(checkedProduct({}, 7), 7u);
  std::array<uint64_t, 3> hidden = {uint64_t(1) << 33, uint64_t(1) << 33, 0};
  EXPECT_EQ(checkedProduct(hidden), std::nullopt);
  std::array<uint64_t, 2> zero = {0, most};
  EXPECT_EQ(checkedProduct(zero), 0u);
  EXPECT_EQ(checkedAlignUp(65, 64), 128u);
  EXPECT_EQ(checkedAlignUp(64, 64), 64u);
  EXPECT_EQ(checkedAlignUp(most, 64), std::nullopt);
  EXPECT_TRUE(rangeFits(10, 0, 10));
  EXPECT_FALSE(rangeFits(11, 0, 10));
  EXPECT_FALSE(rangeFits(1, most, 10));
}

TEST(AtomicFile, WritesPastTheCacheWhatItCan) {
  TempDir dir;
  constexpr size_t block = AtomicFile::directBlock;
  std::string content(size_t(9) << 20, '\0');
  for (size_t i = 0; i < content.size(); ++i)
    content[i] = static_cast<char>(i * 2654435761u >> 13);
  // Pieces whose place in memory fits that in the file, and others.
  for (size_t shift : {size_t(0), size_t(8), block - 1}) {
    Expected<AtomicFile> file = AtomicFile::create(dir.file("a"));
    ASSERT_TRUE(file);
    file->bypassCache();
    ASSERT_TRUE(file->reserve(content.size()).isOk());
    std::vector<char> memory(content.size() + 2 * block);
    size_t base = -reinterpret_cast<uintptr_t>(memory.data()) % block;
    char *bytes = memory.data() + base + shift;
    std::copy(content.begin(), content.end(), bytes);
    size_t begin = 0;
    for (size_t size : {size_t(10), size_t(3) << 20, (size_t(2) << 20) + 4097,
                        size_t(1) << 20, size_t(100)}) {
      ASSERT_TRUE(file->write({bytes + begin, size}).isOk());
      begin += size;
    }
    ASSERT_TRUE(file->write({bytes + begin, content.size() - begin}).isOk());
    ASSERT_TRUE(file->overwrite(5, "abc").isOk());
    ASSERT_TRUE(file->commit().isOk());
    std::string want = content;
    want.replace(5, 3, "abc");
    EXPECT_TRUE(readFile(dir.file("a")) == want) << shift;
  }
}

TEST(AtomicFile, ExtendsWithZeros) {
  TempDir dir;
  Expected<AtomicFile> file = AtomicFile::create(dir.file("a"));
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("ab").isOk());
  ASSERT_TRUE(file->extend(6).isOk());
  ASSERT_TRUE(file->extend(3).isOk()); // already that long.
  ASSERT_TRUE(file->overwrite(4, "e").isOk());
  ASSERT_TRUE(file->write("g").isOk());
  ASSERT_TRUE(file->commit().isOk());
  EXPECT_EQ(readFile(dir.file("a")), std::string("ab\0\0e\0g", 7));
  file = AtomicFile::create(dir.file("b"));
  EXPECT_EQ(file->reserve(~uint64_t(0)).code(), StatusCode::IoError);
}

TEST(ProgressBar, DescribesProgress) {
  ProgressBar bytes("copying", 4'000'000'000, ProgressBar::Unit::Bytes);
  EXPECT_EQ(bytes.line(1'000'000'000, 2),
            "copying  [#####---------------]  25%  1.0/4.0 GB  500.0 MB/s  "
            "0:06");
  EXPECT_EQ(bytes.line(0, 0),
            "copying  [--------------------]  0%  0.0/4.0 GB  0 B/s  --:--");
  ProgressBar items("rows", 7200);
  EXPECT_EQ(items.line(1, 1),
            "rows  [--------------------]  0%  1/7200  1/s  1:59:59");
  EXPECT_EQ(items.line(9999, 1),
            "rows  [####################]  100%  7200/7200  7200/s  0:00");
  ProgressBar open("reading", 0, ProgressBar::Unit::Bytes);
  EXPECT_EQ(open.line(1500, 1), "reading  1.5 kB  1.5 kB/s");
}

TEST(ProgressBar, IsQuietWithoutATerminal) {
  testing::internal::CaptureStderr();
  {
    ProgressBar progress("rows", 1000);
    std::thread other([&] {
      for (int i = 0; i < 500; ++i)
        progress.add(1);
    });
    for (int i = 0; i < 500; ++i)
      progress.add(1);
    other.join();
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

} // namespace
