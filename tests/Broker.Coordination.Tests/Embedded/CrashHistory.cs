using Broker.Coordination.Tests.Contract;
using Broker.Storage.Disks;

namespace Broker.Coordination.Tests.Embedded;

/// <summary>Lives of a store that each end in a crash. What is answered or read in one must be there in the next; what is not may be there, but whole and in order.</summary>
internal sealed class CrashHistory
{
    private readonly Random _random;
    private readonly RandomTransactions _transactions;
    private readonly Queue<(Task<MetadataCommit> Commit, string Expected)> _underWay = new();
    private readonly Dictionary<long, string> _states = []; // by revision, as this life reads them
    private readonly Dictionary<long, IReadOnlyList<MetadataValue>> _lasting = []; // by revision, as the next life finds them
    private readonly List<(IMetadataLease Lease, long Id)> _leases = [];
    private ReferenceStore _reference = new(0, []);
    private long _known; // no later reader may find less than this revision

    public CrashHistory(int seed)
    {
        _random = new Random(seed);
        _transactions = new RandomTransactions(_random, maxValueBytes: _random.Next(2) == 0 ? 1000 : 20_000);
        Disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed });
        _lasting.Add(0, []);
    }

    public MemoryDisk Disk { get; private set; }

    /// <summary>Operations of the disk in the last life.</summary>
    public long Operations { get; private set; }

    /// <summary>How often the beginning of the log had been given up when a life ended.</summary>
    public int Retirements { get; private set; }

    /// <summary>Opens the store, does random things with it, and crashes.</summary>
    /// <param name="steps">How many things.</param>
    /// <param name="crashAt">The operation of the disk in which the crash comes; <c>null</c> for after the last step.</param>
    public void Live(int steps, long? crashAt)
    {
        if (crashAt is { } operation)
        {
            Disk.CrashAt(operation);
        }

        SimulatedStore? store = null;
        try
        {
            store = new SimulatedStore(Disk);
            CheckStart(store.Snapshot);
            for (; steps > 0; steps--)
            {
                Step(store);
                CheckAnswers();
                CheckSnapshot(store.Snapshot);
            }
        }
        catch (DiskCrashedException)
        {
            CheckAnswers();
        }

        Operations = Disk.OperationCount;
        Retirements += store?.Store.Log.StartPosition > 0 ? 1 : 0;
        Disk = Disk.Crash(lossless: _random.Next(4) == 0);
    }

    private void Step(SimulatedStore store)
    {
        switch (_random.Next(12))
        {
            case < 6:
                var transaction = _transactions.Next(_reference, [.. _leases.Select(lease => lease.Id)]);
                var expected = _reference.Apply(transaction).Exactly();
                Remember();
                _underWay.Enqueue((store.Begin(transaction), expected));
                break;
            case 6 when _leases.Count > 0 && _random.Next(2) == 0:
                _reference.Revoke(_leases[0].Id);
                Remember();
                _ = _leases[0].Lease.DisposeAsync().AsTask();
                _leases.RemoveAt(0);
                break;
            case 6:
                var lease = store.Grant();
                _reference.Grant(lease.Id);
                _leases.Add((lease, lease.Id));
                break;
            case 7:
                store.Store.Log.CommitMark();
                break;
            case 8:
                store.Store.KeepUp();
                break;
            default:
                store.Store.Log.CommitGroup();
                break;
        }
    }

    private void Remember()
    {
        _states[_reference.Revision] = _reference.State;
        _lasting[_reference.Revision] = _reference.Lasting;
    }

    private void CheckStart(MetadataSnapshot snapshot)
    {
        Assert.True(snapshot.Revision >= _known, $"revision {_known} was known, the store is at {snapshot.Revision} after the crash");
        Assert.True(_lasting.TryGetValue(snapshot.Revision, out var values), $"there never was a revision {snapshot.Revision}");
        Assert.Equal(values.Exactly(), snapshot.Values.Exactly());
        _reference = new ReferenceStore(snapshot.Revision, values);
        _known = snapshot.Revision;
        _states.Clear();
        _lasting.Clear();
        _underWay.Clear();
        _leases.Clear();
        Remember();
    }

    private void CheckSnapshot(MetadataSnapshot snapshot)
    {
        Assert.True(snapshot.Revision >= _known, $"revision {_known} was known, and {snapshot.Revision} is read");
        Assert.Equal(_states[snapshot.Revision], snapshot.Values.Exactly());
        _known = snapshot.Revision;
    }

    private void CheckAnswers()
    {
        while (_underWay.TryPeek(out var first) && first.Commit.IsCompleted)
        {
            Assert.Equal(first.Expected, first.Commit.Now().Exactly());
            _known = Math.Max(_known, first.Commit.Now().Revision);
            _underWay.Dequeue();
        }

        Assert.DoesNotContain(_underWay, each => each.Commit.IsCompleted);
    }
}
