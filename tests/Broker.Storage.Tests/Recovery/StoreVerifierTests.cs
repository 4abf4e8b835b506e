using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Tests.Log;
using Broker.Storage.Tests.Segments;

namespace Broker.Storage.Tests.Recovery;

/// <summary>A store that is in use is compared with its checksums.</summary>
public sealed class StoreVerifierTests
{
    [Fact]
    public void A_log_without_damage_is_counted_as_far_as_it_was_synced()
    {
        var log = new TestLog();
        log.FillFile(1);
        log.Commit(2, messages: 3);
        log.Append(1); // not written yet
        var verified = StoreVerifier.VerifyLog(log.Log).ToList();
        var image = LogImage.Of(log.Disk);
        Assert.Equal(log.Files, verified.Select(v => v.File));
        Assert.Equal(log.Files.Select(file => image.Records.LongCount(r => r.File == file)), verified.Select(v => v.Records));
        Assert.Equal(log.Log.SyncedPosition, verified.Sum(v => v.Bytes));
        Assert.All(verified, v => Assert.Empty(v.Damages));
    }

    [Fact]
    public void Damage_to_a_log_in_use_is_found_where_it_is()
    {
        var log = new TestLog();
        log.FillFile(1);
        log.Commit(2, messages: 3, bytes: 40);
        log.Commit(2, messages: 1);
        log.Commit(2, messages: 2);
        var image = LogImage.Of(log.Disk);
        var (message, control, header) = (image.Find(2, 1), image.Find(2, 2), image.Find(1, 3));
        log.Disk.FlipBit(message.File, message.BodyOffset + 50, 1);
        log.Disk.FlipBit(control.File, control.ControlOffset, 1);
        log.Disk.FlipBit(header.File, header.Offset + 50, 1);
        var damages = StoreVerifier.VerifyLog(log.Log).SelectMany(v => v.Damages).ToList();
        Assert.Equal([header.Offset, message.Offset, control.Offset], damages.Select(d => d.Offset));
        Assert.Equal([header.File, message.File, control.File], damages.Select(d => d.File));
        Assert.Equal([null, 2UL, 2UL], damages.Select(d => d.Entity));
        Assert.Equal([0, 1, 1], damages.Select(d => d.MessageCount));
    }

    [Fact]
    public void Damage_to_a_segment_is_found_where_it_is()
    {
        var segments = new TestSegments();
        var (blocks, cursor) = segments.Write(default, Enumerable.Range(1, 9).Select(i => TestSegments.Message((ulong)i, 300)));
        Assert.Equal((3L, 0), Verified(cursor.Length));
        segments.Disk.FlipBit(segments.PathOf(1), blocks[1].Offset + RecordHeader.Size + 200, 0);
        var damage = Assert.Single(StoreVerifier.VerifySegment(segments.Store, TestSegments.Queue, 1, cursor.Length).Damages);
        Assert.Equal((blocks[1].Offset, (ulong?)TestSegments.Queue, 1), (damage.Offset, damage.Entity, damage.MessageCount));
        Assert.Equal((2L, 1), Verified(cursor.Length));
        Assert.Equal((2L, 2), Verified(cursor.Length + 100)); // it was longer
        segments.Store.Delete(TestSegments.Queue, 1);
        Assert.Equal((0L, 1), Verified(cursor.Length));

        (long Records, int Damages) Verified(long length)
        {
            var verified = StoreVerifier.VerifySegment(segments.Store, TestSegments.Queue, 1, length);
            return (verified.Records, verified.Damages.Count);
        }
    }
}
