import org.apache.poi.openxml4j.opc.OPCPackage;
import org.apache.poi.openxml4j.opc.PackageAccess;
import org.apache.poi.poifs.crypt.dsig.SignatureConfig;
import org.apache.poi.poifs.crypt.dsig.SignatureInfo;
import org.apache.poi.poifs.crypt.dsig.SignaturePart;

/** Apache POI's opinion of the signatures of each file: one line a signature, "file;valid;signer", then "file;all". */
public class Verify {
    public static void main(String[] files) {
        for (String file : files) {
            try (OPCPackage pack = OPCPackage.open(file, PackageAccess.READ)) {
                SignatureInfo info = new SignatureInfo();
                info.setSignatureConfig(new SignatureConfig());
                info.setOpcPackage(pack);
                for (SignaturePart part : info.getSignatureParts()) {
                    boolean valid = part.validate();
                    String signer = part.getSigner() == null ? "" : part.getSigner().getSubjectX500Principal().getName();
                    System.out.println(file + ";" + valid + ";" + signer);
                }
                System.out.println(file + ";" + info.verifySignature() + ";all");
            } catch (Exception | LinkageError error) {
                System.out.println(file + ";error;" + error);
            }
        }
    }
}
