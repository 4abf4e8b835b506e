using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Records;

/// <summary>Records as bytes, made by the log's own encoder.</summary>
internal static class RecordBytes
{
    /// <summary>A record with messages of these lengths, padded.</summary>
    public static byte[] Of(long position, int operations, params int[] messages)
    {
        var record = new TestRecord
        {
            Client = new TestClient(),
            Kind = RecordKind.Operations,
            Entity = 5,
            Index = 9,
            Operations = DiskBytes.Pattern(3, operations),
            Messages = [.. messages.Select((length, i) => (ReadOnlyMemory<byte>)DiskBytes.Pattern(i, length))],
        };
        var buffer = new LogBuffer(TestLog.Key);
        var disk = new Storage.Disks.MemoryDisk();
        using var file = disk.Create("a");
        buffer.Add(record, new RecordHeader { Kind = record.Kind, Version = RecordHeader.CurrentVersion, Position = position, Entity = 5, Index = 9, FirstPosition = 100 });
        buffer.WriteTo(file, 0);
        return disk.ReadAll("a");
    }
}
