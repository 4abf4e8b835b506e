using System.Globalization;
using System.Text.Json;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Recovery;

namespace Broker.Storage.Quarantines;

/// <summary>Something damaged that was set aside.</summary>
public sealed record QuarantineEntry
{
    /// <summary>Its number: 1, 2, 3 and so on.</summary>
    public required int Id { get; init; }

    /// <summary>When it was found.</summary>
    public required DateTimeOffset Found { get; init; }

    /// <summary>What was found.</summary>
    public required StoreDamage Damage { get; init; }

    /// <summary>How many of its bytes were kept; they are what the disk gave, damage included.</summary>
    public required long KeptBytes { get; init; }
}

/// <summary>Damaged pieces of files, copied aside as they are before their files are given up, for whoever wants to save what can be saved. Thread-safe.</summary>
public sealed class Quarantine
{
    /// <summary>More of a piece is not kept.</summary>
    public const int MaxKeptBytes = 64 << 20;

    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };
    private readonly Lock _lock = new();
    private readonly IDisk _disk;
    private readonly string _folder;
    private readonly StoreKey _key;
    private readonly TimeProvider _time;
    private List<QuarantineEntry>? _entries;

    internal Quarantine(IDisk disk, string folder, StoreKey key, TimeProvider time)
    {
        _disk = disk;
        _folder = folder;
        _key = key;
        _time = time;
    }

    /// <summary>Everything that was set aside, oldest first.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public IReadOnlyList<QuarantineEntry> List()
    {
        lock (_lock)
        {
            return [.. Entries()];
        }
    }

    /// <summary>Sets a piece of a file aside. What was set aside already is not set aside again.</summary>
    /// <exception cref="DiskException">The disk failed, or is full. Nothing of the piece counts, and it may be set aside later.</exception>
    public QuarantineEntry Add(StoreDamage damage)
    {
        ArgumentNullException.ThrowIfNull(damage);
        lock (_lock)
        {
            var entries = Entries();
            if (entries.Find(e => e.Damage.File == damage.File && e.Damage.Offset == damage.Offset && e.Damage.Entity == damage.Entity) is { } known)
            {
                return known;
            }

            var bytes = Read(damage);
            var entry = new QuarantineEntry { Id = entries.Count > 0 ? entries[^1].Id + 1 : 1, Found = _time.GetUtcNow(), Damage = damage, KeptBytes = bytes.Length };
            _disk.CreateFolder(_folder);
            Write(entry, bytes);
            entries.Add(entry);
            return entry;
        }
    }

    /// <summary>The bytes of an entry.</summary>
    /// <returns><c>null</c> if there is no such entry.</returns>
    /// <exception cref="DiskException">The disk failed.</exception>
    public byte[]? Read(int id)
    {
        lock (_lock)
        {
            if (Entries().TrueForAll(e => e.Id != id))
            {
                return null;
            }

            using var file = _disk.Open(PathOf(id, "bin"));
            var bytes = new byte[file.Length];
            DiskReading.ReadUpTo(file, 0, bytes);
            return bytes;
        }
    }

    /// <summary>The record that a piece begins with, if its header can be read.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="bytes">Its bytes, from <see cref="Read(int)"/>.</param>
    public StoredRecord? TryParse(QuarantineEntry entry, ReadOnlyMemory<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(entry);
        var file = entry.Damage.File;
        var name = file[(file.LastIndexOf('/') + 1)..];
        return StoredRecord.TryParse(bytes, _key, entry.Damage.Offset + (LogFile.TryParseName(name, out var basePosition) ? basePosition : 0));
    }

    private List<QuarantineEntry> Entries() => _entries ??= ReadEntries();

    private List<QuarantineEntry> ReadEntries()
    {
        var entries = new List<QuarantineEntry>();
        foreach (var name in _disk.ListFiles(_folder).Where(n => n.EndsWith(".json", StringComparison.Ordinal)))
        {
            using var file = _disk.Open($"{_folder}/{name}");
            var bytes = new byte[file.Length];
            DiskReading.ReadUpTo(file, 0, bytes);
            if (EntryOf(bytes) is { } entry)
            {
                entries.Add(entry);
            }
        }

        entries.Sort(static (a, b) => a.Id.CompareTo(b.Id));
        return entries;
    }

    private static QuarantineEntry? EntryOf(byte[] bytes)
    {
        try
        {
            return JsonSerializer.Deserialize<QuarantineEntry>(bytes, s_json);
        }
        catch (JsonException)
        {
            return null; // the node went down while it was written, and will find the damage again
        }
    }

    private byte[] Read(StoreDamage damage)
    {
        if (!_disk.Exists(damage.File))
        {
            return [];
        }

        using var file = _disk.Open(damage.File);
        var bytes = new byte[Math.Clamp(Math.Min(damage.Length, file.Length - damage.Offset), 0, MaxKeptBytes)];
        var read = DiskReading.ReadUpTo(file, damage.Offset, bytes);
        return bytes[..read];
    }

    private void Write(QuarantineEntry entry, byte[] bytes)
    {
        Remove(entry.Id); // halves of one that was not finished
        try
        {
            Write(PathOf(entry.Id, "bin"), bytes);
            Write(PathOf(entry.Id, "json"), JsonSerializer.SerializeToUtf8Bytes(entry, s_json)); // last: with it, the entry is there
            _disk.SyncFolder(_folder);
        }
        catch (DiskException)
        {
            TryRemove(entry.Id);
            throw;
        }
    }

    private void Remove(int id)
    {
        _disk.Delete(PathOf(id, "json")); // first: without it, the entry is not there
        _disk.Delete(PathOf(id, "bin"));
    }

    private void TryRemove(int id)
    {
        try
        {
            Remove(id); // the log may need the space
        }
        catch (DiskException)
        {
            // The next piece gets the number, and its files take the place of these.
        }
    }

    private void Write(string path, byte[] bytes)
    {
        using var file = _disk.Create(path);
        file.Write(0, bytes);
        file.Sync();
    }

    private string PathOf(int id, string ending) => string.Create(CultureInfo.InvariantCulture, $"{_folder}/{id:d8}.{ending}");
}
