using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Machines.Replication;
using Broker.Storage.Records;

namespace Broker.Actors.Tests.Storage;

/// <summary>How a snapshot is installed.</summary>
internal sealed partial class ShardScript
{
    /// <summary>A snapshot comes in the place of everything. What is committed goes on in it.</summary>
    /// <param name="make">Records that the leader has beyond what was committed here.</param>
    /// <returns>What is to be done one after the other; the node may go down between.</returns>
    public IEnumerable<bool> Install(Action<Action<ulong, int, IReadOnlyList<PositionRange>?>> make)
    {
        Records = Records.RemoveRange((int)Floor, Records.Count - (int)Floor);
        _ahead = LedgersAt(Floor);
        Epoch++;
        Log = Log.UpTo(Floor);
        make((queue, messages, settled) =>
        {
            Records = Records.Add(Make(queue, messages, 20, null, settled is null ? null : [.. settled], isVirtual: true));
            Log.Append(Epoch, 1);
        });
        if (Log.Last == Floor)
        {
            Records = Records.Add(new ScriptRecord(ShardEntity.Of(Shard), RecordKind.Operations, Log.Last + 1, null, [], null));
            Log.Append(Epoch, 1);
        }

        Log.ForgetBefore(Log.Last + 1);
        var (all, log) = (Records, Copy(Log));
        var old = Ledgers.Keys.ToList();
        (IsInstalling, Records, Log, Ledgers, Committed) = (true, [], new Lineage(), [], 0);
        var begun = Epoch % 2 == 0 && all.Count > 1 ? new Lineage(log.Last, [new Era(1, log.Last - 1)], log.Last - 1) : log; // what is sent may become more on the way
        Append(new ShardStateRecord(_client, Shard, new ShardState(Epoch, begun, begun.Last, IsInstalling: true)));
        yield return true;
        CommitAll();
        Floor = 0;
        foreach (var queue in old)
        {
            Store.Segments.DeleteAll(queue);
        }

        yield return true;
        if (begun != log)
        {
            Append(new ShardStateRecord(_client, Shard, new ShardState(Epoch, log, log.Last, IsInstalling: true)));
            yield return true;
        }

        Ledgers = LedgersAt(all, log.Last);
        foreach (var (queue, ledger) in Ledgers)
        {
            using var writer = Store.WriteSnapshot(queue);
            foreach (var position in ledger.Live.Ranges().SelectMany(r => Positions(r.First, r.Last)))
            {
                writer.Add(position, BytesOf(all, log.Last, queue, position), 1);
            }

            var result = writer.Finish();
            ledger.ForgetPlaces();
            ledger.Moved(ledger.LastIndex, QueueCheckpoints.EntriesOf(result), (result.Cursor.Segment, result.Cursor.Length));
            Committed = log.Last;
            Checkpoint(queue)();
            Committed = 0;
            yield return true;
        }

        (IsInstalling, Records, Log, Committed, Floor) = (false, all, log, log.Last, log.Last);
        Log = Copy(log);
        _ahead = LedgersAt(Log.Last);
        AppendState();
    }
}
