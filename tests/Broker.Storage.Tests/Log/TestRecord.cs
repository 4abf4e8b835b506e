using System.Collections.Concurrent;
using Broker.Storage.Log;
using Broker.Storage.Tests.Disks;

namespace Broker.Storage.Tests.Log;

/// <summary>A record whose bytes follow from its entity and number, so that whoever reads it can tell whether it is right.</summary>
internal sealed class TestRecord : LogRecord
{
    private static readonly ConcurrentDictionary<(int Tag, int Length), byte[]> s_patterns = new();

    public IReadOnlyList<ReadOnlyMemory<byte>> Messages { get; init; } = [];

    public override int MessageCount => Messages.Count;

    public override ReadOnlyMemory<byte> GetMessage(int index, out ulong meta)
    {
        meta = MetaOf(index);
        return Messages[index];
    }

    public static ulong MetaOf(int index) => (uint)index + 1000;

    /// <summary>What a message of a position holds.</summary>
    public static byte[] MessageOf(ulong entity, ulong position, int length) => Pattern((int)((entity * 1009) + position), length);

    /// <summary>What the operations of a record are.</summary>
    public static byte[] OperationsOf(ulong entity, ulong index, int length) => Pattern((int)((entity * 2003) + index), length);

    // Kept: tests that compare thousands of logs would spend their time with this.
    private static byte[] Pattern(int tag, int length) => s_patterns.GetOrAdd((tag, length), static key => DiskBytes.Pattern(key.Tag, key.Length));
}

/// <summary>Notes what it is told.</summary>
internal sealed class TestClient : LogClient
{
    public List<LogRecord> Committed { get; } = [];

    public List<LogFailure> Failures { get; } = [];

    public override void OnCommitted(LogRecord last) => Committed.Add(last);

    public override void OnFailed(LogFailure failure) => Failures.Add(failure);
}
