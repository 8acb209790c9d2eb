import java.io.IOException;
import java.util.Arrays;

/** Runs another class's main, and ends when standard input does: whoever started this is gone then. */
public class UntilInputEnds {
  public static void main(String[] args) throws Exception {
    Thread watcher = new Thread(() -> {
      try {
        while (System.in.read() >= 0) {
          // Nothing is said to it.
        }
      } catch (IOException closed) {
        // The same as its end.
      }
      Runtime.getRuntime().halt(0);
    });
    watcher.setDaemon(true);
    watcher.start();
    String[] rest = Arrays.copyOfRange(args, 1, args.length);
    Class.forName(args[0]).getMethod("main", String[].class).invoke(null, (Object) rest);
  }
}
