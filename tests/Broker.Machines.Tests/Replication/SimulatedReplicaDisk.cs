using Broker.Machines.Cluster;
using Broker.Machines.Replication;

namespace Broker.Machines.Tests.Replication;

/// <summary>
/// What one node has on its disk: notes in the order in which they were written, of which a prefix is synced. A crash leaves the synced ones and some of those behind them.
/// </summary>
internal sealed class SimulatedReplicaDisk
{
    private readonly List<Note> _notes = [];
    private int _synced;

    /// <summary>Changes with the disk.</summary>
    public Guid Store { get; private set; } = Guid.Empty;

    public bool HasUnsynced => _synced < _notes.Count;

    public abstract record Note
    {
        public sealed record Epoch(long Number) : Note;

        public sealed record Record(ulong Index, long WrittenIn, string Value) : Note;

        public sealed record Cut(ulong From) : Note;

        public sealed record Installed(Lineage Log, IReadOnlyDictionary<ulong, string> Values) : Note;

        public sealed record Committed(ulong Index) : Note;

        public sealed record Retired(ulong First) : Note;
    }

    public void Write(Note note) => _notes.Add(note);

    /// <summary>Everything that is written is synced.</summary>
    /// <returns>What was not before.</returns>
    public IReadOnlyList<Note> Sync()
    {
        var done = _notes[_synced..];
        _synced = _notes.Count;
        return done;
    }

    public void Crash(Random random)
    {
        var kept = _synced + random.Next(_notes.Count - _synced + 1);
        _notes.RemoveRange(kept, _notes.Count - kept);
        _synced = kept;
    }

    /// <summary>Another disk, with nothing on it.</summary>
    public void Replace(int number)
    {
        _notes.Clear();
        _synced = 0;
        Store = new Guid(number, 0, 0, new byte[8]);
    }

    /// <summary>A replica as a start makes it of what is there, and the values of its records.</summary>
    public (ReplicaMachine Machine, Dictionary<ulong, string> Values) Recover(NodeLife life, ReplicaOptions options)
    {
        var (epoch, log, committed, values) = (0L, new Lineage(), 0UL, new Dictionary<ulong, string>());
        foreach (var note in _notes)
        {
            switch (note)
            {
                case Note.Epoch m:
                    epoch = m.Number;
                    break;
                case Note.Record m:
                    log.Append(m.WrittenIn, 1);
                    values[m.Index] = m.Value;
                    break;
                case Note.Cut m:
                    log.CutFrom(m.From);
                    break;
                case Note.Installed m:
                    log = new Lineage(m.Log.Last + 1, m.Log.Eras, m.Log.Last);
                    committed = m.Log.Last;
                    values = new Dictionary<ulong, string>(m.Values);
                    break;
                case Note.Committed m:
                    committed = Math.Max(committed, m.Index);
                    break;
                case Note.Retired m:
                    log.ForgetBefore(m.First);
                    break;
                default:
                    throw new InvalidOperationException($"{note}");
            }
        }

        return (new ReplicaMachine(0, life, Store, options, epoch, log, committed), values);
    }
}
