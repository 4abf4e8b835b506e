using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>A disk on which the creation of a folder takes as long as a test likes, while everything else goes on, and that may not know how much of it is free.</summary>
internal sealed class PausingDisk(MemoryDisk disk, Func<string, bool>? pauses = null) : IDisk
{
    private readonly ManualResetEventSlim _released = new();
    private readonly TaskCompletionSource _paused = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool KnowsFreeBytes { get; set; } = true;

    public long FreeBytes => KnowsFreeBytes ? disk.FreeBytes : throw new DiskException(DiskError.Io, "the test does not tell");

    public Task PausedAsync() => _paused.Task.WaitAsync(WireConnection.Timeout);

    public void Release() => _released.Set();

    public void CreateFolder(string path)
    {
        if (!_released.IsSet && pauses?.Invoke(path) == true)
        {
            _paused.TrySetResult();
            _released.Wait(WireConnection.Timeout * 2);
        }

        disk.CreateFolder(path);
    }

    public IDiskFile Create(string path) => disk.Create(path);

    public IReadOnlyList<string> ListFiles(string folder) => disk.ListFiles(folder);

    public IReadOnlyList<string> ListFolders(string folder) => disk.ListFolders(folder);

    public bool Exists(string path) => disk.Exists(path);

    public IDiskFile Open(string path) => disk.Open(path);

    public void Move(string from, string to) => disk.Move(from, to);

    public void Delete(string path) => disk.Delete(path);

    public void DeleteFolder(string path) => disk.DeleteFolder(path);

    public void SyncFolder(string path) => disk.SyncFolder(path);
}
