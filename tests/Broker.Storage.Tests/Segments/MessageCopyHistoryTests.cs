using Broker.Storage.Records;
using Broker.Storage.Segments;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Segments;

/// <summary>Random copies out of log and segments, some of them damaged, against a model that only knows which positions are where.</summary>
public sealed class MessageCopyHistoryTests
{
    private const ulong Queue = TestSegments.Queue;

    [Fact]
    public void What_can_be_read_is_copied_and_the_rest_is_named()
    {
        var seen = (Copied: 0, Unreadable: 0, Gaps: 0);
        for (var seed = 0; seed < 250; seed++)
        {
            var random = new Random(seed);
            var segments = new TestSegments(options: TestSegments.Small with { BlockBytes = 1024 << random.Next(3), MaxBlockMessages = 1 + random.Next(20) });
            var sources = new List<Source>();
            if (random.Next(3) > 0)
            {
                AddSegments(segments, sources, random);
            }

            if (random.Next(3) > 0)
            {
                AddLog(segments, sources, random);
            }

            foreach (var source in sources)
            {
                Damage(segments, source, random);
            }

            var (needed, wanted) = Needed(sources, random);
            var readable = sources.SelectMany(s => s.Readable).ToHashSet();
            var result = segments.Copy.Run(Queue, sources.Select(s => s.Place), needed, new SegmentCursor(0, 0, 90));
            Assert.Equal(wanted.Where(p => !readable.Contains(p)), result.Unreadable);
            var copied = result.Blocks.SelectMany(b => segments.Store.Read(Queue, b)!.Messages()).ToList();
            Assert.Equal(wanted.Where(readable.Contains), copied.Select(m => m.Position));
            Assert.All(copied, m => Assert.Equal(TestRecord.MessageOf(Queue, m.Position, m.Bytes.Length), m.Bytes.ToArray()));
            Assert.Equal(result.Blocks, result.Blocks.Select(b => b.Segment).Distinct().SelectMany(s => segments.Store.Blocks(Queue, s, long.MaxValue)));
            seen = (seen.Copied + copied.Count, seen.Unreadable + result.Unreadable.Count, seen.Gaps + needed.Count);
        }

        Assert.True(seen is { Copied: > 3000, Unreadable: > 500, Gaps: > 500 }, $"too little has happened: {seen}");
    }

    private static void AddSegments(TestSegments segments, List<Source> sources, Random random)
    {
        var positions = new List<ulong>();
        for (var position = 1UL; position < 120; position += random.Next(4) == 0 ? 1 + (ulong)random.Next(9) : 1)
        {
            positions.Add(position);
        }

        var (blocks, _) = segments.Write(default, positions.Select(p => TestSegments.Message(p, random.Next(200))));
        foreach (var block in blocks)
        {
            var messages = segments.Store.Read(Queue, block)!.Messages().Select(m => (m.Position, m.Bytes.Length)).ToList();
            sources.Add(new Source(MessageSource.In(block), segments.PathOf(block.Segment), block.Offset, messages, operations: 0));
        }
    }

    private static void AddLog(TestSegments segments, List<Source> sources, Random random)
    {
        const int Operations = 20;
        var next = 150UL;
        for (var index = 1UL; index <= 12; index++)
        {
            next += random.Next(3) == 0 ? (ulong)random.Next(20) : 0;
            var messages = Enumerable.Range(0, random.Next(12)).Select(i => (Position: next + (ulong)i, Length: random.Next(200))).ToList();
            var record = new TestRecord
            {
                Client = segments.Log.Client,
                Kind = RecordKind.Operations,
                Entity = Queue,
                Index = index,
                FirstPosition = next,
                Operations = new byte[Operations],
                Messages = [.. messages.Select(m => (ReadOnlyMemory<byte>)TestRecord.MessageOf(Queue, m.Position, m.Length))],
            };
            segments.Log.Log.Append(record);
            segments.Log.CommitAll();
            next += (ulong)messages.Count;
            var (path, offset) = segments.Log.Log.FileOf(record.Position)!.Value;
            sources.Add(new Source(MessageSource.InLog(record.Position, record.Length), path, offset, messages, Operations));
        }
    }

    private static void Damage(TestSegments segments, Source source, Random random)
    {
        var body = source.Offset + RecordHeader.Size + (source.Messages.Count * MessageTableEntry.Size) + source.Operations;
        switch (random.Next(12))
        {
            case 0:
                segments.Disk.FlipBit(source.Path, source.Offset + random.Next(RecordHeader.Size), random.Next(8));
                source.Readable.Clear();
                break;
            case 1 when body > source.Offset + RecordHeader.Size:
                segments.Disk.FlipBit(source.Path, random.NextInt64(source.Offset + RecordHeader.Size, body), random.Next(8));
                source.Readable.Clear();
                break;
            case 2 or 3:
                foreach (var (position, length) in source.Messages)
                {
                    if (length > 0 && random.Next(3) == 0)
                    {
                        segments.Disk.FlipBit(source.Path, body + random.Next(length), random.Next(8));
                        source.Readable.Remove(position);
                    }

                    body += length;
                }

                break;
            default:
                break;
        }
    }

    // Ranges of all shapes: inside a record, across several, over gaps, before the first and behind the last, one position long.
    private static (List<(ulong First, ulong Last)> Needed, List<ulong> Wanted) Needed(List<Source> sources, Random random)
    {
        var needed = new List<(ulong First, ulong Last)>();
        var wanted = new List<ulong>();
        for (var position = (ulong)random.Next(60); position < 330;)
        {
            var first = position;
            var last = first + (ulong)(random.Next(3) switch { 0 => 0, 1 => random.Next(5), _ => random.Next(80) });
            if (random.Next(8) > 0)
            {
                needed.Add((first, last));
                wanted.AddRange(Enumerable.Range(0, (int)(last - first) + 1).Select(i => first + (ulong)i));
            }

            position = last + 1 + (ulong)random.Next(random.Next(2) == 0 ? 2 : 40);
        }

        return (needed, wanted);
    }

    /// <summary>A record with messages, and which of them can be read.</summary>
    private sealed class Source(MessageSource place, string path, long offset, IReadOnlyList<(ulong Position, int Length)> messages, int operations)
    {
        public MessageSource Place => place;

        public string Path => path;

        public long Offset => offset;

        public IReadOnlyList<(ulong Position, int Length)> Messages => messages;

        public int Operations => operations;

        public HashSet<ulong> Readable { get; } = [.. messages.Select(m => m.Position)];
    }
}
