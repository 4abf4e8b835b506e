using System.Collections.Immutable;
using Broker.Machines.Ledgers;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Actors.Tests.Storage;

/// <summary>A record of a shard, as its leader has made it.</summary>
internal sealed record ScriptRecord(ulong Entity, RecordKind Kind, ulong Index, QueueRecord? Operations, IReadOnlyList<byte[]> Messages, LogRecord? Log)
{
    /// <summary>Where it is, or a place before that.</summary>
    public long PositionIn(WriteAheadLog log) => Log!.Position >= 0 ? Log.Position : log.SyncedPosition;
}

/// <summary>What must be there if the node goes down behind a record of its log. Up to the record that is noted, the log says that the shard is committed.</summary>
internal sealed record ScriptState(long Epoch, string Eras, ulong Last, ulong Noted, bool IsInstalling, ImmutableList<ScriptRecord> Records);
