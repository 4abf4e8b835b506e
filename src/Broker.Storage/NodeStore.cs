using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Quarantines;
using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Segments;

namespace Broker.Storage;

/// <summary>
/// Everything durable of one node's queues: the log that takes all in, the segments that keep what stays for longer, and what was found damaged. Opened in two steps, because the
/// second takes as long as the log is, and the first tells whether it makes sense.
/// </summary>
public sealed class NodeStore : IDisposable
{
    private const string LogFolder = "log";
    private readonly StoreOptions _options;
    private readonly TimeProvider _time;
    private WriteAheadLog? _log;
    private MessageCopy? _copy;

    private NodeStore(IDisk disk, StoreOptions options, StoreIdentity identity, TimeProvider time)
    {
        Disk = disk;
        _options = options;
        _time = time;
        Identity = identity;
        Segments = new SegmentStore(disk, "queues", identity.Store);
        Quarantine = new Quarantine(disk, "quarantine", StoreKey.Of(identity.Store), time);
    }

    /// <summary>The disk that it is on.</summary>
    public IDisk Disk { get; }

    /// <summary>Whose it is.</summary>
    public StoreIdentity Identity { get; }

    /// <summary>The log. Only after <see cref="Recover"/>.</summary>
    public WriteAheadLog Log => _log ?? throw new InvalidOperationException("the store is not recovered yet");

    /// <summary>Copies messages into segments. Only after <see cref="Recover"/>.</summary>
    public MessageCopy Copy => _copy ?? throw new InvalidOperationException("the store is not recovered yet");

    /// <summary>The segments of the queues.</summary>
    public SegmentStore Segments { get; }

    /// <summary>What was found damaged.</summary>
    public Quarantine Quarantine { get; }

    /// <summary>Finds out whose store it is, and makes one where there is none.</summary>
    /// <exception cref="StoreException">It belongs to another node, is of a newer format, or cannot be read.</exception>
    /// <exception cref="DiskException">The disk failed.</exception>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public static NodeStore Open(IDisk disk, StoreOptions options, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return new NodeStore(disk, options, StoreIdentity.ReadOrCreate(disk, options.NodeName), time ?? TimeProvider.System);
    }

    /// <summary>Reads the log and makes it ready. Blocks for as long as that takes.</summary>
    /// <param name="handler">Takes in what is found.</param>
    /// <param name="progress">Hears how far it is, now and then.</param>
    /// <exception cref="StoreException">It is of a newer format, or of another store.</exception>
    /// <exception cref="DiskException">The disk failed.</exception>
    public void Recover(ILogRecoveryHandler handler, Action<RecoveryProgress>? progress = null)
    {
        _log = WriteAheadLog.Open(Disk, LogFolder, Identity.Store, _options.Log, handler, progress, _time);
        _copy = new MessageCopy(_log, Segments, _options.Segments);
    }

    /// <summary>Begins to write messages of a queue that came from elsewhere.</summary>
    /// <param name="queue">Whose messages.</param>
    /// <param name="cursor">Where the first block goes; <c>default</c> for a queue that has no segments.</param>
    public SnapshotWriter WriteSnapshot(ulong queue, SegmentCursor cursor = default) => new(Segments, queue, cursor, _options.Segments);

    /// <inheritdoc/>
    public void Dispose() => _log?.Dispose();
}
