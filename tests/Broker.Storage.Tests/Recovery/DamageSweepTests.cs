using System.Globalization;
using Broker.Storage.Records;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Recovery;

/// <summary>A log of several files, entities and marks, with bits turned over in all places that there are: everything else is still read, and what cannot be is reported exactly.</summary>
public sealed class DamageSweepTests
{
    private static readonly LogImage s_image = MakeImage();

    [Fact]
    public void A_bit_that_turns_over_anywhere_costs_what_it_stands_in_and_no_more()
    {
        foreach (var (file, bytes) in s_image.Files)
        {
            foreach (var offset in PlacesIn(file, bytes.Length))
            {
                Check([(file, offset, (int)(offset * 5 / 3) % 8)]);
            }
        }
    }

    [Fact]
    public void Damage_in_several_places_is_told_apart()
    {
        for (var seed = 0; seed < 1500; seed++)
        {
            var random = new Random(seed);
            var flips = new HashSet<(string, long, int)>();
            for (var count = 2 + random.Next(4); count > 0; count--)
            {
                var record = s_image.Records[random.Next(s_image.Records.Count)];
                var length = random.Next(3) switch { 0 => RecordHeader.Size, 1 => RecordHeader.Size + record.Header.ControlBytes, _ => record.Header.Length };
                flips.Add((record.File, record.Offset + random.NextInt64(length), random.Next(8)));
            }

            Check([.. flips]);
        }
    }

    private static void Check((string File, long Offset, int Bit)[] flips)
    {
        var model = new DamageModel(s_image, flips);
        try
        {
            var log = new TestLog(s_image.ToDisk(flips));
            model.Check(log.Found);

            // What was handed over can be read again.
            Assert.All(log.Found.Records, r => Assert.NotNull(log.Log.Read(r.Header.Position, (int)r.Header.Length)));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidOperationException($"with {string.Join(" and ", flips.Select(f => string.Create(CultureInfo.InvariantCulture, $"bit {f.Bit} of byte {f.Offset} of '{f.File}'")))}", e);
        }
    }

    // Every byte of what is small, and some of what is long.
    private static IEnumerable<long> PlacesIn(string file, int length)
    {
        const int Edge = 40;
        const int Step = 4999;
        var end = (long)FileHeader.Size;
        var places = Enumerable.Range(0, FileHeader.Size).Select(i => (long)i);
        foreach (var record in s_image.Records.Where(r => r.File == file))
        {
            var (body, next) = (record.BodyOffset, record.Offset + record.Header.PaddedLength);
            places = places.Concat(Enumerable.Range(0, (int)(next - record.Offset)).Select(i => record.Offset + i).Where(at => at < body + Edge || at >= next - Edge || (at - body) % Step == 0));
            end = next;
        }

        return places.Concat(new[] { 0, 1, 300 }.Select(i => end + i).Where(at => at < length));
    }

    private static LogImage MakeImage()
    {
        var log = new TestLog(options: TestLog.Small with { MaxGroupBytes = 64 << 10 });
        log.Commit(1, messages: 3, bytes: 21);
        log.Append(2, messages: 1, bytes: 40);
        log.Append(1, messages: 0, operations: 9);
        log.Commit(3, messages: 2, bytes: 0);
        log.Log.CommitMark();
        log.Commit(2, messages: 2, bytes: 33);
        log.Commit(1, messages: 1, bytes: 40 << 10);
        log.Append(1, messages: 2, bytes: 17); // still the first file
        log.Commit(2, messages: 1, bytes: 30 << 10); // has to go to the next
        log.Commit(1, messages: 5, bytes: 11);
        log.Commit(4, messages: 1, bytes: 24, kind: RecordKind.Checkpoint);
        log = log.Stop(); // the next run begins the third file
        log.Commit(1, messages: 1, bytes: 50);
        log.Commit(5, messages: 1, bytes: 8);
        log.Log.CommitMark();
        var image = LogImage.Of(log.Disk);
        Assert.Equal(3, image.Files.Count);
        return image.Trimmed(keep: 400);
    }
}
