//===- ArtifactTest.cpp - Writing and opening artifacts -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/artifact/Artifact.h"
#include "SampleManifest.h"
#include "TestFiles.h"
#include "runtime/artifact/ArtifactWriter.h"
#include "runtime/artifact/ManifestChecks.h"
#include "gtest/gtest.h"
#include <csignal>
#include <cstring>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace gossamer;

namespace {

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

Status writeSample(const std::string &path, bool embedded) {
  proto::Manifest manifest =
      embedded ? sampleEmbeddedManifest() : sampleManifest();
  GOSS_ASSIGN_OR_RETURN(
      ArtifactWriter writer,
      ArtifactWriter::create(path, manifest,
                             {{SectionKind::Tokenizer, "the tokenizer"},
                              {SectionKind::Code, "the code"}},
                             embedded ? sampleWeightsBytes : 0));
  if (embedded) {
    std::string weights(sampleWeightsBytes, 'w');
    GOSS_RETURN_IF_ERROR(writer.appendWeights(asBytes(weights).first(100)));
    GOSS_RETURN_IF_ERROR(writer.appendWeights(asBytes(weights).subspan(100)));
  }
  return writer.commit();
}

std::string sampleBytes(bool embedded) {
  TempDir dir;
  Status status = writeSample(dir.file("a.goss"), embedded);
  EXPECT_TRUE(status.isOk()) << status.message();
  return readFile(dir.file("a.goss"));
}

/// What reading `bytes` says; "" when they are accepted.
std::string readMessage(const std::string &bytes) {
  Expected<Artifact> artifact =
      Artifact::read(MappedFile::borrow(asBytes(bytes), "a.goss"));
  if (artifact)
    return "";
  EXPECT_EQ(artifact.status().code(), StatusCode::InvalidData);
  EXPECT_TRUE(artifact.status().message().starts_with("a.goss: "));
  return artifact.status().message().substr(8);
}

/// A file in parts, to be changed and joined again with digests that fit.
struct Parts {
  FileHeader header;
  std::vector<SectionEntry> table;
  std::string body; ///< everything after the table.

  explicit Parts(const std::string &bytes) {
    std::memcpy(&header, bytes.data(), sizeof(header));
    table.resize(header.sectionCount);
    std::memcpy(table.data(), bytes.data() + sizeof(header),
                table.size() * sizeof(SectionEntry));
    body = bytes.substr(bodyOffset());
  }

  size_t bodyOffset() const {
    return sizeof(header) + table.size() * sizeof(SectionEntry);
  }

  std::string join(bool rehashSections = true) {
    header.fileSize = bodyOffset() + body.size();
    header.sectionCount = static_cast<uint32_t>(table.size());
    for (SectionEntry &entry : table)
      if (rehashSections && entry.offset >= bodyOffset() &&
          entry.offset <= header.fileSize)
        store(entry.sha256, sha256(std::string_view(body).substr(
                                entry.offset - bodyOffset(), entry.size)));
    std::string entries(reinterpret_cast<const char *>(table.data()),
                        table.size() * sizeof(SectionEntry));
    store(header.tableSha256, sha256(entries));
    return std::string(reinterpret_cast<const char *>(&header),
                       sizeof(header)) +
           entries + body;
  }

  static void store(uint8_t (&field)[32], const Sha256Digest &digest) {
    std::memcpy(field, digest.data(), digest.size());
  }
};

TEST(Artifact, ReadsWhatTheWriterWrites) {
  TempDir dir;
  std::string path = dir.file("a.goss");
  ASSERT_TRUE(writeSample(path, true).isOk());
  EXPECT_EQ(dir.fileCount(), 1u);
  Expected<Artifact> artifact = Artifact::open(path);
  ASSERT_TRUE(artifact) << artifact.status().message();
  EXPECT_EQ(artifact->path(), path);
  EXPECT_EQ(serializeManifest(artifact->manifest()),
            serializeManifest(sampleEmbeddedManifest()));
  EXPECT_EQ(asText(artifact->section(SectionKind::Code)), "the code");
  EXPECT_EQ(asText(artifact->section(SectionKind::Tokenizer)), "the tokenizer");
  EXPECT_FALSE(artifact->hasSection(SectionKind::Graph));
  EXPECT_TRUE(artifact->section(SectionKind::Graph).empty());
  EXPECT_EQ(asText(artifact->weightsSection()),
            std::string(sampleWeightsBytes, 'w'));
  ASSERT_EQ(artifact->sections().size(), 4u);
  EXPECT_EQ(artifact->sections()[3].offset % weightsAlignment, 0u);
  EXPECT_TRUE(artifact->verifyAll().isOk());

  Artifact moved = artifact.take();
  EXPECT_EQ(moved.manifest().tensors_size(), 2);
  EXPECT_EQ(Artifact::open(dir.file("b")).status().code(),
            StatusCode::NotFound);
}

TEST(Artifact, UsesTheBytesThatItChecked) {
  std::string bytes = sampleBytes(true);
  Expected<Artifact> artifact =
      Artifact::read(MappedFile::borrow(asBytes(bytes), "a.goss"));
  ASSERT_TRUE(artifact);
  std::span<const std::byte> code = artifact->section(SectionKind::Code);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(code.data()) % sectionAlignment, 0u);
  // Somebody writes into the file after it was opened.
  std::fill(bytes.begin(), bytes.end(), 'x');
  EXPECT_EQ(asText(code), "the code");
  EXPECT_FALSE(artifact->verifyAll().isOk()) << "weights are not copied";
}

TEST(Artifact, SameInputGivesTheSameBytes) {
  EXPECT_EQ(sampleBytes(false), sampleBytes(false));
  std::string bytes = sampleBytes(true);
  EXPECT_EQ(bytes, sampleBytes(true));
  auto identity = [](const std::string &file) {
    return Artifact::read(MappedFile::borrow(asBytes(file), "a"))->identity();
  };
  EXPECT_EQ(identity(bytes), identity(sampleBytes(true)));
  EXPECT_NE(identity(bytes), identity(sampleBytes(false)));
}

TEST(Artifact, EveryChangedBitIsRefused) {
  std::string bytes = sampleBytes(false);
  for (size_t i = 0; i < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      ASSERT_NE(readMessage(changed), "") << "byte " << i << " bit " << bit;
    }
}

TEST(Artifact, EveryChangedByteIsRefusedOrFoundByVerify) {
  std::string bytes = sampleBytes(true);
  size_t weights = bytes.size() - sampleWeightsBytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(~changed[i]);
    if (i < weights) {
      ASSERT_NE(readMessage(changed), "") << "byte " << i;
      continue;
    }
    Expected<Artifact> artifact =
        Artifact::read(MappedFile::borrow(asBytes(changed), "a.goss"));
    ASSERT_TRUE(artifact) << "weights are not hashed when opening";
    ASSERT_EQ(artifact->verifyAll().message(),
              "a.goss: section weights: does not have the digest that the "
              "table states: the file is damaged");
  }
}

TEST(Artifact, EveryOtherLengthIsRefused) {
  std::string bytes = sampleBytes(false);
  for (size_t size = 0; size < bytes.size(); ++size)
    ASSERT_NE(readMessage(bytes.substr(0, size)), "") << size;
  EXPECT_NE(readMessage(bytes + '\0'), "");
  // Also with a header that agrees with the cut.
  for (size_t size = sizeof(FileHeader); size < bytes.size(); ++size) {
    std::string cut = bytes.substr(0, size);
    uint64_t fileSize = size;
    std::memcpy(&cut[16], &fileSize, sizeof(fileSize));
    ASSERT_NE(readMessage(cut), "") << size;
  }
}

TEST(Artifact, MessagesSayWhatIsWrongWithTheHeader) {
  const std::string bytes = sampleBytes(false);
  EXPECT_EQ(readMessage(bytes.substr(0, 63)),
            "expects a .goss header of 64 bytes but got 63");
  EXPECT_EQ(readMessage(std::string(100, 'x')),
            "is not a .goss file: expects its magic bytes at offset 0");
  Parts parts(bytes);
  parts.header.version = 1;
  EXPECT_EQ(readMessage(parts.join()),
            "expects format version 3 but got 1: compile the model again with "
            "this release");
  parts = Parts(bytes);
  parts.header.reserved = 5;
  EXPECT_EQ(readMessage(parts.join()),
            "expects zero in the reserved bytes at offset 56 but got 5");
  EXPECT_EQ(readMessage(bytes + "x"),
            "expects " + std::to_string(bytes.size()) +
                " bytes, as its header says, but got " +
                std::to_string(bytes.size() + 1) +
                ": the file is cut or extended");
  parts = Parts(bytes);
  parts.table.clear();
  EXPECT_EQ(readMessage(parts.join()), "expects 1 to 7 sections but got 0");
}

TEST(Artifact, RefusesTablesThatDoNotFitTheFile) {
  const std::string bytes = sampleBytes(false);
  auto message = [&](auto change) {
    Parts parts(bytes);
    change(parts);
    return readMessage(parts.join());
  };
  // The sample's sections are manifest, code, tokenizer.
  EXPECT_EQ(message([](Parts &p) { p.table[1].alignment = 48; }),
            "section code: expects a power of two up to 2097152 as alignment "
            "but got 48");
  EXPECT_TRUE(message([](Parts &p) {
                p.table[1].alignment = 1;
              }).starts_with("section code: expects to begin at offset "));
  EXPECT_TRUE(message([](Parts &p) {
                p.table[1].offset = p.table[0].offset;
              }).starts_with("section code: expects to begin at offset "));
  EXPECT_TRUE(message([](Parts &p) {
                p.table[1].offset += 64;
              }).starts_with("section code: expects to begin at offset "));
  EXPECT_TRUE(message([](Parts &p) {
                p.table[1].offset = UINT64_MAX - 7;
              }).starts_with("section code: expects to begin at offset "));
  EXPECT_TRUE(message([](Parts &p) {
                p.table[2].size = UINT64_MAX;
              }).starts_with("section tokenizer: expects to end within "));
  EXPECT_TRUE(message([](Parts &p) {
                p.table[0].size = UINT64_MAX - 63;
              }).starts_with("section manifest: expects to end within "));
  EXPECT_EQ(message([](Parts &p) { p.table[2].size -= 1; }),
            "expects the last section to end with the file but got 1 more "
            "bytes");
  EXPECT_EQ(message([](Parts &p) { p.body[0] = 1; }),
            "section manifest: expects zero bytes before it but got another at "
            "offset 232");
  EXPECT_EQ(message([](Parts &p) { p.table[2].kind = SectionKind(8); }),
            "expects section kinds 1 to 7 but got 8");
  EXPECT_EQ(message([](Parts &p) { p.table[2].kind = SectionKind::Code; }),
            "expects each section once, ordered by kind, but got code after "
            "code");
  EXPECT_EQ(message([](Parts &p) { p.table[1].kind = SectionKind::Graph; }),
            "section code is missing");
  EXPECT_EQ(message([](Parts &p) { p.table[2].kind = SectionKind::Weights; }),
            "manifest: weights_embedded: expects true with a section weights "
            "but got the contrary");
}

TEST(Artifact, RecordMayBeLeftOut) {
  std::string bytes = sampleBytes(false);
  Expected<Artifact> artifact =
      Artifact::read(MappedFile::borrow(asBytes(bytes), "a"));
  ASSERT_TRUE(artifact) << artifact.status().message();
  Expected<proto::CompileRecord> record = artifact->record();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->ByteSizeLong(), 0U);
}

TEST(Artifact, RecordIsReadWhenAskedFor) {
  auto read = [](const std::string &bytes) {
    TempDir dir;
    Expected<ArtifactWriter> writer = ArtifactWriter::create(
        dir.file("a"), sampleManifest(),
        {{SectionKind::Code, "c"}, {SectionKind::Record, bytes}});
    EXPECT_TRUE(writer && writer->commit().isOk());
    Expected<Artifact> artifact = Artifact::open(dir.file("a"));
    EXPECT_TRUE(artifact) << artifact.status().message();
    return artifact->record();
  };
  proto::CompileRecord record;
  record.add_levels()->set_name("graph");
  record.add_kernel_reasons("why");
  Expected<proto::CompileRecord> again = read(record.SerializeAsString());
  ASSERT_TRUE(again) << again.status().message();
  EXPECT_EQ(again->levels(0).name(), "graph");
  EXPECT_EQ(again->kernel_reasons(0), "why");
  // Cut off; groups, which nest without a length.
  for (const std::string &bad :
       {std::string("\xff"), std::string(100000, '\x0b')}) {
    Status status = read(bad).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidData);
    EXPECT_TRUE(
        status.message().ends_with("section record: is not a valid message"))
        << status.message();
  }
}

/// The sample with `manifest` as the bytes of its manifest.
std::string withManifest(const std::string &manifest) {
  Parts parts(sampleBytes(false));
  parts.table.resize(2);
  uint64_t begin = 192;
  parts.body.assign(begin - parts.bodyOffset(), '\0');
  parts.body += manifest;
  parts.table[0].offset = begin;
  parts.table[0].size = manifest.size();
  parts.table[1].alignment = 1;
  parts.table[1].offset = begin + manifest.size();
  parts.table[1].size = 1;
  parts.body += 'c';
  return parts.join();
}

TEST(Artifact, RefusesManifestsInOtherEncodings) {
  std::string good = serializeManifest(sampleManifest());
  EXPECT_EQ(readMessage(withManifest(good)), "");
  EXPECT_EQ(readMessage(withManifest(good + "\xff")),
            "section manifest: is not a valid message");
  std::string canonical = "section manifest: expects the canonical encoding of "
                          "known fields";
  // Field 100, unknown; field 1 a second time; field 13 with its default.
  EXPECT_EQ(readMessage(withManifest(good + "\xa0\x06\x01")), canonical);
  EXPECT_EQ(readMessage(withManifest(good + "\x08\x01")), canonical);
  EXPECT_EQ(readMessage(withManifest(good + std::string("\x68\x00", 2))),
            canonical);
  // Groups nest without a length: an attack on a parser's stack.
  EXPECT_EQ(readMessage(withManifest(std::string(100000, '\x0b'))),
            "section manifest: is not a valid message");
  testing::internal::CaptureStderr();
  EXPECT_EQ(readMessage(withManifest(good + "\x12\x01\xff")),
            "section manifest: is not a valid message")
      << "texts must be UTF-8";
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  proto::Manifest other = sampleManifest();
  other.set_step_abi_version(7);
  EXPECT_EQ(readMessage(withManifest(serializeManifest(other))),
            "manifest: step_abi_version: expects 1 but got 7: compile the "
            "model again with this release");
}

TEST(ArtifactWriter, RefusesInvalidInput) {
  TempDir dir;
  auto create = [&](const proto::Manifest &manifest,
                    std::vector<ArtifactWriter::Section> sections,
                    uint64_t weights = 0) {
    return ArtifactWriter::create(dir.file("a"), manifest, std::move(sections),
                                  weights)
        .status()
        .message();
  };
  EXPECT_EQ(create(proto::Manifest(), {{SectionKind::Code, "c"}}),
            dir.file("a") + ": manifest: step_abi_version: expects 1 but got "
                            "0: compile the model again with this release");
  EXPECT_EQ(create(sampleManifest(), {}),
            dir.file("a") + ": expects a section code but got none");
  EXPECT_EQ(create(sampleManifest(),
                   {{SectionKind::Code, "c"}, {SectionKind::Code, "d"}}),
            dir.file("a") + ": expects each section once but got code twice");
  EXPECT_EQ(create(sampleManifest(),
                   {{SectionKind::Code, "c"}, {SectionKind::Weights, "w"}}),
            dir.file("a") + ": expects the weights to be appended but got them "
                            "as a section");
  EXPECT_NE(create(sampleManifest(), {{SectionKind::Code, "c"}}, 1), "");
  EXPECT_NE(create(sampleEmbeddedManifest(), {{SectionKind::Code, "c"}}), "");
  EXPECT_EQ(dir.fileCount(), 0u);
}

TEST(ArtifactWriter, WantsExactlyTheDeclaredWeights) {
  TempDir dir;
  {
    Expected<ArtifactWriter> writer =
        ArtifactWriter::create(dir.file("a"), sampleEmbeddedManifest(),
                               {{SectionKind::Code, "c"}}, sampleWeightsBytes);
    ASSERT_TRUE(writer) << writer.status().message();
    std::string weights(sampleWeightsBytes, 'w');
    EXPECT_TRUE(writer->appendWeights(asBytes(weights).first(383)).isOk());
    EXPECT_EQ(writer->commit().message(),
              dir.file("a") + ": expects 1 more bytes of weights before the "
                              "end");
    EXPECT_EQ(writer->appendWeights(asBytes("xy")).message(),
              dir.file("a") + ": expects at most 1 more bytes of weights but "
                              "got 2");
  }
  EXPECT_EQ(dir.fileCount(), 0u);
}

TEST(ArtifactWriter, LeavesNothingOnAFullDisk) {
  size_t size = sampleBytes(true).size();
  // Every limit lets the writer come a little further.
  for (size_t limit = 0; limit <= size; limit += 97) {
    TempDir dir;
    pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGXFSZ, SIG_IGN);
      rlimit bound = {limit, limit};
      ::setrlimit(RLIMIT_FSIZE, &bound);
      Status status = writeSample(dir.file("a"), true);
      ::_exit(status.exitCode());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(WEXITSTATUS(status), limit < size ? 74 : 0) << limit;
    ASSERT_EQ(dir.fileCount(), limit < size ? 0u : 1u) << limit;
  }
}

} // namespace
