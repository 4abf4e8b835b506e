using Broker.Actors.Storage;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Actors.Replication;

/// <summary>From what is committed to the queues: those that are led here hear of it, and the ledgers of all others are kept here.</summary>
internal sealed partial class ReplicaActor
{
    /// <summary>Carries out what is committed: confirms it to the queues that are led here, or applies it to the ledgers that are kept here.</summary>
    private void Release()
    {
        if (_mustRebuild || _machine is null || _install is not null)
        {
            return;
        }

        while (_applied < _committed && _records.Has(_applied + 1))
        {
            ref var record = ref _records[_applied + 1];
            if (record is { Held: null, InMemory: null })
            {
                break; // what it says is still to be read
            }

            _applied++;
            if (record.InMemory is QueueLogRecord { Owner: { } owner } own && own.Epoch == _servingEpoch)
            {
                _owners[owner] = own;
                if (own.Kind == RecordKind.Deleted)
                {
                    EndQueue(own.Entity);
                    Host.End(own.Entity);
                }
            }
            else
            {
                Apply(record, _applied);
            }

            record.Settle();
        }

        foreach (var (owner, last) in _owners)
        {
            owner.OnCommitted(last);
        }

        _owners.Clear();
        if (_beginning > 0 && _machine.IsServing && _machine.Epoch == _beginning && _applied >= _committed)
        {
            BeginServing(_beginning);
        }
    }

    private readonly Dictionary<LogClient, LogRecord> _owners = [];

    private void BeginServing(long epoch)
    {
        _beginning = 0;
        _servingEpoch = epoch;
        Host.Open(epoch, _applied, TakeLedgers(), Self);
        _cluster.Shards.SetServing(_shard, epoch);
    }

    /// <summary>Whoever waits for a record hears that it is not known what becomes of it; the queues' ledgers are of no use any more.</summary>
    private void EndServing(string reason)
    {
        _beginning = 0;
        if (!IsServing)
        {
            return;
        }

        _servingEpoch = 0;
        _cluster.Shards.SetServing(_shard, 0);
        Host.Close();
        var failure = new LogFailure(reason);
        var owners = new HashSet<LogClient>();
        foreach (var record in ToCome())
        {
            if (record.InMemory is QueueLogRecord { Owner: { } owner } && owners.Add(owner))
            {
                owner.OnFailed(failure);
            }
        }

        LetGo();
        _mustRebuild = true;
        WriteState(default); // behind the last checkpoints of the queues' actors: what is read must have them, as the log lets go of what they have
        _rebuildAfter = _writing.Last().Record;
    }

    /// <summary>The records that are not carried out yet.</summary>
    /// <param name="behind">Only those with a higher index.</param>
    private IEnumerable<ShardRecord> ToCome(ulong behind = 0)
    {
        for (var index = Math.Max(Math.Max(_applied, behind) + 1, _records.First); index <= _records.Last; index++)
        {
            yield return _records[index];
        }
    }
}
