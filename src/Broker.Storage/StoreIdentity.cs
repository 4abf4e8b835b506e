using System.Text.Json;
using Broker.Storage.Disks;

namespace Broker.Storage;

/// <summary>Whose store it is: a small JSON file that is written once.</summary>
/// <param name="Format">Format of the store as a whole.</param>
/// <param name="Store">The store's own number, in every file of it.</param>
/// <param name="Node">The node's name.</param>
public sealed record StoreIdentity(int Format, Guid Store, string Node)
{
    /// <summary>The format that this version writes, and the newest that it reads.</summary>
    public const int CurrentFormat = 1;

    private const string Path = "identity.json";
    private const int MaxBytes = 64 << 10;
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    /// <summary>Reads the identity of a disk's store, or makes a new one where there is none.</summary>
    /// <exception cref="StoreException">It belongs to another node, is of a newer format, or cannot be read.</exception>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static StoreIdentity ReadOrCreate(IDisk disk, string nodeName)
    {
        ArgumentNullException.ThrowIfNull(disk);
        if (!disk.Exists(Path))
        {
            return Create(disk, nodeName);
        }

        var identity = Read(disk);
        if (identity.Format > CurrentFormat)
        {
            throw new StoreException(StoreProblem.NewerFormat, $"the store has format {identity.Format}; this version of the broker reads up to {CurrentFormat}. Start the newer version");
        }

        if (identity.Node != nodeName)
        {
            throw new StoreException(
                StoreProblem.OtherNode,
                $"the store belongs to node '{identity.Node}', and this node is '{nodeName}'. Start it with --name {identity.Node}, or with another data folder");
        }

        disk.SyncFolder(""); // a process that was killed while it made the store may have left that to do
        return identity;
    }

    private static StoreIdentity Create(IDisk disk, string nodeName)
    {
        if (disk.ListFolders("").Count > 0)
        {
            throw new StoreException(StoreProblem.Unreadable, $"the store has no '{Path}' and is not empty. Put the file back from a copy, or choose another data folder");
        }

        var identity = new StoreIdentity(CurrentFormat, Guid.CreateVersion7(), nodeName);
        const string Temporary = Path + ".tmp";
        disk.Delete(Temporary);
        using (var file = disk.Create(Temporary))
        {
            file.Write(0, JsonSerializer.SerializeToUtf8Bytes(identity, s_json));
            file.Sync();
        }

        disk.Move(Temporary, Path);
        disk.SyncFolder("");
        return identity;
    }

    private static StoreIdentity Read(IDisk disk)
    {
        using var file = disk.Open(Path);
        var bytes = new byte[Math.Min(file.Length, MaxBytes)];
        DiskReading.ReadUpTo(file, 0, bytes);
        try
        {
            return JsonSerializer.Deserialize<StoreIdentity>(bytes, s_json) is { Node: not null } identity && identity.Store != Guid.Empty
                ? identity
                : throw new JsonException("no identity");
        }
        catch (JsonException e)
        {
            throw new StoreException(StoreProblem.Unreadable, $"'{Path}' cannot be read ({e.Message}). Put it back from a copy: it says which node the store belongs to");
        }
    }
}
